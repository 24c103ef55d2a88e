const rl = require("readline").createInterface({ input: process.stdin });
let sum = 0;
rl.on("line", (line) => {
	console.log("line:", JSON.stringify(line));
	sum += Number(line);
});
rl.on("close", () => console.log("sum:", sum));
