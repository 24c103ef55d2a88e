my $text = "2024-07-01 and 1999-12-31";
while ($text =~ /(?<y>\d{4})-(\d\d)/g) { print "$+{y} $2 ", pos $text, "\n" }
(my $t = $text) =~ tr/0-9/a-j/;
print "$t\n", join("|", split /\s*and\s*/, $text), "\n", $text =~ s/(\d+)/<$1>/gr, "\n";
printf "%05.2f %-6s| %x %e\n", 3.14159, "ab", 255, 12345.678;
print 10 / 3, " ", 2**53 + 1, " ", 1e21, " ", "abc" x 2, " ", "10" == 10.0, "\n";
