// SPDX-License-Identifier: MIT
// wins: memory outside of V8's heap, which --max-old-space-size does not see
// rule: 4, 12
// expect: memory_limit
// limits: memory_bytes=134217728
// control: unsafe: a memory bomb
const kept = [];
for (;;) kept.push(Buffer.alloc(1 << 22, 1));
