# All byte values, NUL included, on both streams.
all = (0..255).to_a.pack("C*")
$stdout.binmode.write(all)
$stderr.binmode.write(all.reverse)
