$stdout.sync = true
%w[TERM INT HUP QUIT].each { |s| trap(s) { puts "ignored #{s}" } }
puts "I will not go"
Process.kill(:TERM, Process.pid)
sleep 0.05
loop { sleep 1 }
