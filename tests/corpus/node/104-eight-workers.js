const { Worker } = require("worker_threads");
let ended = 0;
for (let i = 0; i < 8; i++) new Worker("1", { eval: true }).on("exit", () => ++ended === 8 && console.log("all"));
