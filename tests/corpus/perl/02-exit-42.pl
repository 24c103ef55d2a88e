END { print "END sees $?\n" }
print "before\n";
exit 42;
