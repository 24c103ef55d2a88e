import random

r = random.Random(42)
print(r.random(), r.randint(1, 100), r.sample(range(50), 5), r.choice("abc"), r.gauss(0, 1))
