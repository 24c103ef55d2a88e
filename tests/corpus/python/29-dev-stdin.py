print(repr(open("/dev/stdin").read()))
