use utf8;
use open qw(:std :utf8);
my $text = "ünï→😀";
print length $text, " ", uc $text, " ", scalar reverse($text), "\n";
