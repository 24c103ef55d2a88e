$stdout.sync = true
20.times do |i|
  $stdout.puts "out #{i}"
  $stderr.puts "err #{i}"
end
