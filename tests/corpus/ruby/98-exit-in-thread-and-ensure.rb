begin
  Thread.new { exit 6 }.join
ensure
  puts "main's ensure"
end
