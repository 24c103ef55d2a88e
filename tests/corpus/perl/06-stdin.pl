use strict;
use warnings;
my (%count, $sum);
while (my $line = <STDIN>) {
	chomp $line;
	$count{$line}++;
	$sum += $1 if $line =~ /^(\d+)/;
}
print map({ "$_: $count{$_}\n" } sort keys %count), "$sum $.\n";
