const hash = require("crypto").createHash("sha256");
let n = 0;
process.stdin.on("data", (chunk) => {
	n += chunk.length;
	hash.update(chunk);
});
process.stdin.on("end", () => console.log(n, hash.digest("hex")));
