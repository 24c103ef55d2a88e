require "json"
puts JSON.generate({ "b" => 1, a: [nil, true, 1.5, "é\n\u2028"], "n" => 2**70 })
puts JSON.pretty_generate([{ x: [] }, {}])
p JSON.parse('{"a": [1, 2.0, "\u00e9"], "b": null}', symbolize_names: true)
begin
  JSON.generate(Float::NAN)
rescue => e
  puts e.class
end
begin
  JSON.parse('{"a": 1,}')
rescue JSON::ParserError => e
  puts e.class
end
