// fs.writeSync, since process.stdout.write would only fill a queue in memory while the loop never comes to rest.
const fs = require("fs");
const line = "y".repeat(4095) + "\n";
for (;;) fs.writeSync(1, line);
