const cp = require("child_process");
if (process.argv[2] === "child") {
	process.on("message", (m) => {
		process.send({ doubled: m.n * 2 });
		process.disconnect();
	});
} else {
	const c = cp.fork(__filename, ["child"]);
	c.on("message", (m) => console.log(m));
	c.on("exit", (code) => console.log("child ended", code));
	c.send({ n: 21 });
}
