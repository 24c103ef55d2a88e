# SIGINT becomes KeyboardInterrupt, then the process ends by the signal.
import os
import signal

try:
    os.kill(os.getpid(), signal.SIGINT)
    signal.pause()
finally:
    print("finally")
