// Touches 40 MB at a time; the limit is 128 MiB. The bare interpreter ends by itself, so only what was printed before can be compared.
console.log("before");
const keep = [];
for (let i = 1; i <= 10; i++) keep.push(Buffer.alloc(40 << 20, i));
console.log("after", keep.length);
