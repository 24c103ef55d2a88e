# exit! leaves at once: no at_exit, no flush of what ruby still holds.
at_exit { puts "never" }
$stdout.sync = true
puts "now"
exit! 42
