pid = fork do
  puts "child"
  exit 7
end
_, status = Process.wait2(pid)
puts "parent", status.exitstatus, status.success?.inspect, pid == status.pid
