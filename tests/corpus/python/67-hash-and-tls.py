import hashlib
import hmac
import secrets
import ssl

print(hashlib.sha256(b"x").hexdigest(), hashlib.blake2b(b"x", digest_size=8).hexdigest(), hmac.new(b"k", b"m", "sha1").hexdigest())
print(len(secrets.token_bytes(16)), ssl.create_default_context().verify_mode.name, len(hashlib.scrypt(b"p", salt=b"s", n=2, r=1, p=1)))
