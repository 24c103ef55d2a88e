require "set"
require "csv"
require "yaml"
require "erb"
require "optparse"
require "pstore"
require "bigdecimal"
require "matrix" rescue puts "no matrix"
require "ostruct"
require "pp"
require "benchmark"
puts CSV.parse("a,b\n1,\"x,y\"\n", headers: true).map(&:to_h).inspect, { "a" => [1, nil, "x"], b: 2.5 }.to_yaml, YAML.load("- 1\n- {a: b}").inspect
puts ERB.new("<% 2.times do |i| %>row <%= i %>\n<% end %>").result, BigDecimal("0.1") + BigDecimal("0.2"), Set[3, 1, 3].inspect, OpenStruct.new(a: 1).inspect
pp({ long: "x" * 50, other: "y" * 50, list: (1..5).to_a })
opts = OptionParser.new { |o| o.on("-v", "--verbose", "talk") { puts "verbose" } }
opts.parse(%w[-v])
puts opts.help
opts.parse(%w[--unknown])
