const t = process.hrtime.bigint();
Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60);
const blocked = Number(process.hrtime.bigint() - t) / 1e6;
const start = Date.now();
setTimeout(() => console.log(blocked >= 59, Date.now() - start >= 49), 50);
