const cp = require("child_process");
console.log("parent first");
const r = cp.spawnSync(process.execPath, ["-e", "console.log('child out'); console.error('child err')"], { stdio: "inherit" });
console.log("parent last", r.status);
