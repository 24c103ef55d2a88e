from lib import sums

print(sums.of([1, 2, 3]), sums.WHERE, open("data/in.bin", "rb").read())
