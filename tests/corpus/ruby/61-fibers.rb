f = Fiber.new do |x|
  y = Fiber.yield x * 2
  Fiber.yield y + 1
  :done
end
p f.resume(10), f.resume(5), f.resume, f.alive?
e = Enumerator.new { |y| 3.times { |i| y << i } }
p e.next, e.next, e.next, (e.next rescue $!.message), (1..Float::INFINITY).lazy.map { _1 * 2 }.select { |n| n % 3 == 0 }.first(3)
f.resume
