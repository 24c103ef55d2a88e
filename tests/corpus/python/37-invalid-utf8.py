import sys

try:
    print("\udcff")
except UnicodeEncodeError as e:
    print(e)
print("\udcff".encode("utf-8", "surrogateescape"))
sys.stdout.flush()
sys.stdout.buffer.write(b"\xff\xfe\xc3(\n")
