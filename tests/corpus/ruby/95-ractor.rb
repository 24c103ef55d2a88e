# The first use of a Ractor warns that it is experimental.
r = Ractor.new(20) { |n| Ractor.receive + n }
r.send(22)
p r.respond_to?(:take) ? r.take : r.value
