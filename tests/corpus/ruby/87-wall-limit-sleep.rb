puts "tick"
$stdout.flush
sleep
