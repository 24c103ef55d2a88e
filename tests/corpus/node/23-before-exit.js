let again = 2;
process.on("beforeExit", (code) => {
	console.log("beforeExit", code, again);
	if (again-- > 0) setImmediate(() => console.log("more work"));
});
process.on("exit", () => console.log("exit"));
