use warnings;
my $x;
print "a" . $x, "\n";
print "3 apples" + 4, "\n";
use strict;
$undeclared = 1;
