puts ARGV.length
ARGV.each { |a| p a, a.encoding, a.valid_encoding? }
