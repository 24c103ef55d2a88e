const fs = require("fs");
console.log(fs.readdirSync("."));
fs.writeFileSync("out.txt", "one\n");
fs.appendFileSync("out.txt", "two\n");
fs.mkdirSync("a/b", { recursive: true });
fs.renameSync("out.txt", "a/b/out.txt");
console.log(fs.readFileSync("a/b/out.txt", "utf8"), fs.statSync("a/b/out.txt").size, (fs.statSync("a/b/out.txt").mode & 0o7777).toString(8));
fs.symlinkSync("b/out.txt", "a/link");
console.log(fs.readlinkSync("a/link"), fs.readFileSync("a/link", "utf8").length, fs.realpathSync("a/link"));
fs.rmSync("a", { recursive: true });
try {
	fs.readFileSync("a/b/out.txt");
} catch (e) {
	console.log(e.code, e.syscall, e.message);
}
