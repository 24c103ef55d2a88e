# About 150 MB in all, far less of it alive at a time: works within the default memory limit.
sum = 0
15.times { |i| sum += ("x" * 10_000_000).bytesize + i }
objects = Array.new(300_000) { |i| { i: i, text: "n#{i}" } }
puts sum, objects.length, objects.last[:text]
GC.start
