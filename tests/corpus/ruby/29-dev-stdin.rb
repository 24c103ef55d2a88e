p File.read("/dev/stdin")
