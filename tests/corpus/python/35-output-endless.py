while True:
    print("and on and on")
