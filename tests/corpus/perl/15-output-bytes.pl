binmode STDOUT;
print map chr, 0 .. 255;
print STDERR "\xff\xfe";
