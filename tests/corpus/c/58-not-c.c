This is a letter, not a program.
It has many errors; don't
count them all.
