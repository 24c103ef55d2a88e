for i in range(60_000):
    print(i)
