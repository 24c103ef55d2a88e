const cp = require("child_process");
const c = cp.spawn("sh", ["-c", "exec <&-; echo closed; sleep 20"]);
c.stdout.once("data", () => {
	c.stdin.on("error", (e) => {
		console.log("error:", e.code);
		c.kill();
	});
	c.stdin.write("x".repeat(1000));
});
c.on("exit", (code, signal) => process.exit(signal === "SIGTERM" ? 4 : 5));
