for bad in (lambda: {}["missing"], lambda: 1 + "1", lambda: [][3], lambda: 1 / 0, lambda: (1).x, lambda: int("x"), lambda: len(5)):
    try:
        bad()
    except Exception as e:
        print(type(e).__name__, e)
