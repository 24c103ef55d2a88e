sub inner { die { code => 5 } }
eval { inner() };
print "caught $@->{code}\n";
eval { die "text\n" };
print "caught $@";
die "at the end";
