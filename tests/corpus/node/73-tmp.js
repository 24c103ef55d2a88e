const fs = require("fs"), os = require("os"), path = require("path");
console.log(os.tmpdir());
const dir = fs.mkdtempSync(path.join(os.tmpdir(), "corpus-"));
fs.writeFileSync(path.join(dir, "f"), "x");
console.log(fs.readdirSync(dir), path.dirname(dir));
fs.rmSync(dir, { recursive: true });
