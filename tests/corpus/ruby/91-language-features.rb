Point = Struct.new(:x, :y, keyword_init: true) do
  def dist = Math.hypot(x, y)
end
case { name: "n", list: [1, [2, 3]], point: Point.new(x: 3, y: 4) }
in { name: String => name, list: [first, [*, last]], point: Point => pt }
  p name, first, last, pt, pt.dist
end
def m(a, b = 2, *c, d:, e: 5, **f, &g) = [a, b, c, d, e, f, g&.call]
p m(1, d: 4), m(1, 2, 3, d: 4, z: 26) { :block }, method(:m).arity, method(:m).parameters
class Ghost
  def method_missing(name, *args) = name.end_with?("?") ? true : super
  def respond_to_missing?(name, _ = false) = name.end_with?("?")
end
p Ghost.new.haunted?, Ghost.new.respond_to?(:x?), (Ghost.new.boo rescue $!.class), 5.then { _1 + 1 }, [*1..5].each_slice(2).to_a, { a: 1 }.to_h { |k, v| [v, k] }
p [3, 1].sort!.frozen?, :a.to_proc.call({ a: 1 }) rescue p $!.message
puts defined?(foo).inspect, [1, [2, [3]]].flatten.inspect, %i[a b].inspect, (1..10).step(3).to_a.inspect, "abc".each_char.with_index.map { |c, i| c * i }.inspect
