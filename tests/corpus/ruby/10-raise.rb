def inner
  raise ArgumentError, "it went wrong"
end

def outer
  inner
end

puts "start"
outer
