for name, text in (("/dev/stdout", "by its name\n"), ("/dev/stderr", "errors too\n"), ("/proc/self/fd/1", "and by its number\n")):
    with open(name, "w") as f:
        f.write(text)
