require "digest"
digest = Digest::SHA256.new
n = 0
while (chunk = $stdin.read(10_000))
  n += chunk.bytesize
  digest << chunk
end
puts n, digest.hexdigest
