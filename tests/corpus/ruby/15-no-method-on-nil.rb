row = { name: nil }
puts row[:name].upcase + row[:missing][0]
