# SIGTERM becomes an exception in ruby: ensure runs, then the signal ends the process.
begin
  puts "before"
  Process.kill(:TERM, Process.pid)
  sleep
ensure
  puts "ensure"
end
