import sys

for i in range(20):
    print("out", i, flush=True)
    print("err", i, file=sys.stderr, flush=True)
