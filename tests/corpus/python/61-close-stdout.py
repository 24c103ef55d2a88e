import os
import sys

print("before")
sys.stdout.flush()
os.close(1)
try:
    os.write(1, b"after")
except OSError as e:
    print(e, file=sys.stderr)
os._exit(4)
