END { puts "END" }
BEGIN { puts "BEGIN" }
puts "middle"
ObjectSpace.define_finalizer(Object.new, proc { $stdout.puts "finalized" })
