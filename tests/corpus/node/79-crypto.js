const crypto = require("crypto");
for (const name of ["md5", "sha1", "sha256", "sha512", "sha3-256"]) console.log(name, crypto.createHash(name).update("serapis").digest("hex"));
console.log(crypto.createHmac("sha256", "key").update("data").digest("base64"), crypto.pbkdf2Sync("p", "salt", 1000, 16, "sha256").toString("hex"));
const c = crypto.createCipheriv("aes-256-gcm", Buffer.alloc(32, 1), Buffer.alloc(12, 2));
console.log(c.update("secret", "utf8", "hex") + c.final("hex"), c.getAuthTag().toString("hex"));
console.log(crypto.randomBytes(8).equals(crypto.randomBytes(8)), crypto.randomUUID().length, crypto.randomUUID() === crypto.randomUUID());
crypto.scrypt("p", "salt", 16, (err, key) => console.log(key.toString("hex")));
