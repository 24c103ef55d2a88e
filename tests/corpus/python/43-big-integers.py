import math

print(2**1000, math.factorial(50), pow(3, 10**6, 10**9 + 7), math.isqrt(10**41), -7 // 2, -7 % 3, divmod(-7, 3))
