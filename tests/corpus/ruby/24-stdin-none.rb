# Without stdin the program sees the end of file at once.
p $stdin.read, $stdin.eof?, gets
