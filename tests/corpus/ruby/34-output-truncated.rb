# Over the limit: what is over is thrown away, the program goes on and ends by itself.
40_000.times { |i| puts "line #{i}" }
$stderr.puts "reached the end"
