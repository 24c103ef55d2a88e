process.on("exit", (code) => {
	console.log("exit with", code);
	process.exitCode = 9;
});
process.on("exit", (code) => console.log("second sees", code));
process.exitCode = 8;
