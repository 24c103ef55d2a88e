const fs = require("fs");
fs.writeFileSync("/dev/null", "gone");
console.log(fs.readFileSync("/dev/null").length);
const fd = fs.openSync("/dev/zero");
const b = Buffer.alloc(8, 1);
fs.readSync(fd, b);
console.log(b);
console.log(fs.readSync(fs.openSync("/dev/urandom"), Buffer.alloc(16)));
