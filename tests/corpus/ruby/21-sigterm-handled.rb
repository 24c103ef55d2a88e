trap("TERM") do |number|
  puts "got #{number}"
  exit 5
end
Process.kill("TERM", Process.pid)
sleep
