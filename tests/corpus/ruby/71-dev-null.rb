File.write("/dev/null", "gone")
p File.read("/dev/null"), File.open("/dev/zero", "rb") { |f| f.read(8) }, File.open("/dev/urandom", "rb") { |f| f.read(16) }.bytesize
p File.exist?("/dev/full") ? (File.write("/dev/full", "x") rescue $!.class) : Errno::ENOSPC
