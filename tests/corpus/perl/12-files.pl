use strict;
mkdir "d" or die;
open my $f, ">", "d/f" or die;
print $f "one\ntwo\n";
close $f;
print -s "d/f", " ", join(",", glob "d/*"), "\n";
open $f, "<", "missing" or print "$!\n", 0 + $!, "\n";
open $f, "<", "d/f";
print reverse <$f>;
print while <DATA>;
__DATA__
after the end
