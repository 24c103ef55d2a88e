# Just below the default limit of 1 MiB on stdout.
1023.times { puts "x" * 1023 }
puts "end"
