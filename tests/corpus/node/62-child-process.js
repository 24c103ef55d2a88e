const cp = require("child_process");
console.log(cp.execSync("echo from the shell; echo $((6 * 7))").toString());
const r = cp.spawnSync("cat", [], { input: "through cat" });
console.log(r.status, r.signal, r.stdout.toString());
console.log(cp.spawnSync("sh", ["-c", "exit 7"]).status, cp.spawnSync("sh", ["-c", "kill -TERM $$"]).signal, cp.spawnSync("no-such-program").error.code);
const c = cp.spawn("tr", ["a-z", "A-Z"]);
c.stdout.on("data", (d) => console.log("child says", d.toString()));
c.on("close", (code, signal) => console.log("closed", code, signal));
c.stdin.end("asynchronous");
