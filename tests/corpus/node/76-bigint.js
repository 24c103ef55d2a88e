let f = 1n;
for (let i = 1n; i <= 100n; i++) f *= i;
console.log(f, f % 1000007n, 2n ** 200n, BigInt.asIntN(64, 2n ** 63n), -7n / 2n);
const v = new DataView(new ArrayBuffer(16));
v.setBigUint64(0, 0xfedcba9876543210n);
v.setFloat64(8, Math.PI, true);
console.log(v.getInt32(0), v.getBigInt64(0), Buffer.from(v.buffer).toString("hex"), 0xffffffff | 0, 1 << 31, -1 >>> 0);
