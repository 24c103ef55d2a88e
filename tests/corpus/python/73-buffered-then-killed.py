import os
import signal
import sys

print("lost")
print("kept", file=sys.stderr)
os.kill(os.getpid(), signal.SIGKILL)
