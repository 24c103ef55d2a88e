import sys

for a in sys.argv:
    print(repr(a))
