print("hello world", #arg, arg[0], ...)
io.stderr:write("to stderr\n")
