const zlib = require("zlib");
const text = "the same words again and again, ".repeat(100);
const packed = zlib.deflateSync(text);
console.log(packed.length < 100, zlib.inflateSync(packed).toString() === text, zlib.crc32 ? "" : "");
zlib.gzip(text, (err, gz) => console.log(gz.readUInt16BE(0).toString(16), zlib.gunzipSync(gz).length));
zlib.brotliCompress(text, (err, br) => setTimeout(() => console.log(zlib.brotliDecompressSync(br).length), 60));
