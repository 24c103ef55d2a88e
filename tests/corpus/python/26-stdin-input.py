print(input("prompt: ").upper())
print(len(input()))
