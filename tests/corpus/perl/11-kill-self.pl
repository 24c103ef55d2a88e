print STDERR "before\n";
kill 9, $$;
sleep 5;
