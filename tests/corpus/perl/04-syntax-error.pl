print "never printed\n";
my @a = (1, 2;
