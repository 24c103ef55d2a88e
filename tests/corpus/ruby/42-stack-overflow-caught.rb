def down(n) = down(n + 1) + 1
begin
  down(0)
rescue SystemStackError => e
  puts e.class, e.message
end
