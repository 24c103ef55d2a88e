import hashlib
import sys

digest, n = hashlib.sha256(), 0
while chunk := sys.stdin.buffer.read(10_000):
    n += len(chunk)
    digest.update(chunk)
print(n, digest.hexdigest())
