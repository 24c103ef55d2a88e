import sys

for i in range(9000):
    print(f"line {i}")
    print(f"error {i}", file=sys.stderr)
