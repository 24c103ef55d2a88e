# An exception that at_exit raises changes the status, not the output before.
at_exit { raise "in at_exit" }
puts "body"
