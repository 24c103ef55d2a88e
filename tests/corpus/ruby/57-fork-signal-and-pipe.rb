r, w = IO.pipe
pid = fork do
  r.close
  w.puts "through the pipe"
  w.close
  sleep
end
w.close
puts r.read
Process.kill(:KILL, pid)
Process.wait(pid)
p $?.signaled?, $?.termsig, $?.exitstatus, Signal.signame($?.termsig)
