const cluster = require("cluster");
if (cluster.isPrimary) cluster.fork().on("exit", (code) => console.log("exit", code));
else {
	console.log("worker", cluster.worker.id);
	process.exit(2);
}
