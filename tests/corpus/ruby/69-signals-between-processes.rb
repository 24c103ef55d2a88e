trap(:USR1) { puts "parent got USR1" }
r, w = IO.pipe
parent = Process.pid
pid = fork do
  trap(:USR2) { w.puts "child got USR2"; exit! 0 }
  w.puts "ready"
  sleep
end
puts r.gets
Process.kill(:USR2, pid)
puts r.gets
Process.wait pid
Process.kill(:USR1, parent)
sleep 0.05
p trap(:USR1, "DEFAULT").class, trap(:HUP, "IGNORE"), Signal.list["TERM"]
