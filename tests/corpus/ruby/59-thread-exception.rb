t = Thread.new { raise IOError, "in the thread" }
t.report_on_exception = false
begin
  t.join
rescue IOError => e
  puts "joined: #{e.message}"
end
Thread.report_on_exception = false
Thread.abort_on_exception = true
Thread.new { raise "ends the whole program" }
sleep 5
puts "never"
