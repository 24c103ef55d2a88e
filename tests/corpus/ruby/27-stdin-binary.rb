data = $stdin.binmode.read
puts data.bytesize, data.unpack1("H*"), data.encoding
