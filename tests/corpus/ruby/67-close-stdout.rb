puts "before"
$stdout.close
begin
  $stdout.puts "after"
rescue IOError => e
  warn e.message
end
STDOUT.closed? and exit 4
