require "digest"
require "openssl"
require "securerandom"
require "base64"
puts Digest::MD5.hexdigest("serapis"), Digest::SHA1.hexdigest("serapis"), Digest::SHA512.hexdigest("serapis")
puts OpenSSL::HMAC.hexdigest("SHA256", "key", "data"), OpenSSL::PKCS5.pbkdf2_hmac("p", "salt", 1000, 16, "sha256").unpack1("H*")
c = OpenSSL::Cipher.new("aes-256-cbc").encrypt
c.key = "k" * 32
c.iv = "i" * 16
puts Base64.strict_encode64(c.update("secret") + c.final), SecureRandom.hex(8).length, SecureRandom.uuid == SecureRandom.uuid
p "serapis".crypt("ab"), "serapis".sum
