// Without stdin the program sees the end of file at once.
const data = require("fs").readFileSync(0);
console.log(data.length);
process.stdin.on("data", () => console.log("data?"));
process.stdin.on("end", () => console.log("end"));
