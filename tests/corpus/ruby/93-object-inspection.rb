# Addresses differ from process to process and are mapped away.
class Thing
  def initialize = (@a, @b = 1, "two")
end
p Thing.new, Object.new.to_s
puts Thing.new.inspect, Thing.instance_methods(false).inspect, Thing.ancestors.inspect
