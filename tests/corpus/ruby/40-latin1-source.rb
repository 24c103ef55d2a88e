# encoding: ISO-8859-1
s = "grüße"
p s.encoding, s.bytes, s.encode("UTF-8")
puts s
