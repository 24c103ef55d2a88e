const cp = require("child_process");
const c = cp.spawn("sh", ["-c", "trap 'echo trapped; exit 4' USR1; echo ready; while :; do sleep 0.02; done"]);
c.stdout.on("data", (d) => {
	process.stdout.write(d);
	if (d.toString().includes("ready")) c.kill("SIGUSR1");
});
c.on("close", (code, signal) => console.log(code, signal));
