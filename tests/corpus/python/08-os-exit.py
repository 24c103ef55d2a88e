# Nothing is flushed, no handler runs.
import atexit
import os

atexit.register(print, "never")
print("lost in the buffer", end="")
os._exit(7)
