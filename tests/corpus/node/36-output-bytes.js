// All byte values, NUL included, on both streams.
const all = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
process.stdout.write(all);
process.stderr.write(Buffer.from(all).reverse());
