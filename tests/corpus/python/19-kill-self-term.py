import os
import signal

print("lost: the buffer is not flushed")
os.kill(os.getpid(), signal.SIGTERM)
signal.pause()
