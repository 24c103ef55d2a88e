print(io.read("n"), io.read("a"), io.read("l"))
