// SPDX-License-Identifier: MIT
// wins: memory outside of V8's heap, which --max-old-space-size does not see
// rule: 4, 12
// expect: memory_limit
// limits: memory_bytes=134217728
// needs: memory
// else: ok
// else-open: memory-over-the-limit
// control: unsafe: a memory bomb
const kept = [];
const enough = Number(process.env.ATTACK_ENOUGH || Infinity); // see attack.h
while (kept.length << 22 < enough) kept.push(Buffer.alloc(1 << 22, 1));
console.log("WON memory-over-the-limit\nEND");
