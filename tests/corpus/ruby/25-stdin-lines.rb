sum = 0
while (line = gets)
  puts "line: #{line.inspect}"
  sum += line.to_i
end
puts "sum: #{sum}", $.
