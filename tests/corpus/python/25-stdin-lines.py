import sys

total = 0
for number, line in enumerate(sys.stdin, 1):
    print(number, repr(line))
    total += int(line)
print("sum", total)
