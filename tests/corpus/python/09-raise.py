def inner():
    raise ValueError("it went wrong")


def outer():
    inner()


print("start")
outer()
