puts "never printed"
def broken
  [1, 2
end
puts broken
