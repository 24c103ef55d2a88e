s = "äöü"
p s.encode("ISO-8859-1").bytes, s.encode("UTF-16LE").bytesize, "\xE4".force_encoding("ISO-8859-1").encode("UTF-8")
begin
  "日".encode("ISO-8859-1")
rescue => e
  puts e.class, e.message
end
