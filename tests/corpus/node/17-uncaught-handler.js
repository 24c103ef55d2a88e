process.on("uncaughtException", (err, origin) => {
	console.log(origin, err.message);
});
setTimeout(() => {
	throw new Error("one");
}, 1);
setTimeout(() => console.log("still alive"), 60);
