value = [1, 2, 3]
puts value.frist
puts vaule
