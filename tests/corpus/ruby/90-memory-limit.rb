# The limit is 64 MiB. The bare interpreter ends by itself, so only what was printed before can be compared.
$stdout.sync = true
puts "before"
keep = Array.new(10) { |i| i.to_s * 20_000_000 }
puts "after #{keep.length}"
