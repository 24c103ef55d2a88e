process.on("SIGTERM", (name, number) => {
	console.log("got", name, number);
	process.exit(5);
});
setInterval(() => {}, 1000);
process.kill(process.pid, "SIGTERM");
