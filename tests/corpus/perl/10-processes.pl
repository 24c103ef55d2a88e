$| = 1;
my $pid = fork // die;
if (!$pid) { print "child\n"; exit 7 }
waitpid $pid, 0;
print "parent ", $? >> 8, "\n", `echo backticks; exit 3`, $? >> 8, "\n";
system "sh", "-c", 'kill -9 $$';
print $? & 127, "\n";
open my $p, "|-", "tr a-z A-Z" or die;
print $p "piped\n";
close $p;
$SIG{USR1} = sub { print "got $_[0]\n" };
kill USR1 => $$;
exec "echo", "replaced" or die;
