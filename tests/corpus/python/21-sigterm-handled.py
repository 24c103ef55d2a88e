import os
import signal
import sys


def handler(number, frame):
    print("got", number)
    sys.exit(5)


signal.signal(signal.SIGTERM, handler)
os.kill(os.getpid(), signal.SIGTERM)
signal.pause()
