import atexit

atexit.register(print, "registered first, runs last")
atexit.register(print, "runs first")


class Thing:
    def __del__(self):
        print("finalised")


t = Thing()
raise SystemExit(8)
