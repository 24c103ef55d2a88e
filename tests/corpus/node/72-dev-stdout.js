const fs = require("fs");
fs.writeFileSync("/dev/stdout", "by its name\n");
fs.writeFileSync("/dev/stderr", "errors too\n");
fs.writeFileSync("/proc/self/fd/1", "and by its number\n");
