File.write("/dev/stdout", "by its name\n")
File.write("/dev/stderr", "errors too\n")
File.write("/proc/self/fd/1", "and by its number\n")
