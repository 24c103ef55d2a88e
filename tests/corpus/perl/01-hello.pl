use strict;
use warnings;
print "hello world\n";
print scalar(@ARGV), " $_\n" for @ARGV;
print "$0 ", join(",", sort keys %ENV), "\n";
