# The run ends with the program, not with what it leaves behind.
spawn("sleep 30")
puts "main ends"
