// SPDX-License-Identifier: MIT
// wins: threads and the memory of an isolate each, from inside one process
// rule: 11, 15
// expect: process_limit|memory_limit|signal|nonzero_exit|wall_limit|cpu_limit
// limits: processes=24 memory_bytes=201326592 wall_ms=9000
// control: unsafe: a bomb
const { Worker } = require("worker_threads");
console.log("START");
function more() {
  for (let i = 0; i < 8; i++) new Worker("setInterval(() => {}, 1000)", { eval: true }).on("error", () => {});
  setTimeout(more, 10);
}
more();
