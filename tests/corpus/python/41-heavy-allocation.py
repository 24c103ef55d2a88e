blocks = [bytearray(1_000_000) for _ in range(60)]
print(sum(map(len, blocks)))
del blocks
print(sum(len(str(i)) for i in range(300_000)))
