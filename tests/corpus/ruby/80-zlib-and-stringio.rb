require "zlib"
require "stringio"
text = "the same words again and again, " * 100
packed = Zlib::Deflate.deflate(text)
p packed.bytesize < 100, Zlib::Inflate.inflate(packed) == text, Zlib.crc32("serapis"), Zlib.adler32("serapis")
io = StringIO.new
old, $stdout = $stdout, io
puts "captured"
$stdout = old
p io.string
