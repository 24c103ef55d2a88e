$stdout.sync = true
puts "busy"
loop {}
