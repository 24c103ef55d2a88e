puts "before"
exit(2)
puts "never"
