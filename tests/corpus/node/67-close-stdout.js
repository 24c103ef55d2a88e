const fs = require("fs");
fs.writeSync(1, "before\n");
fs.closeSync(1);
try {
	fs.writeSync(1, "after\n");
} catch (e) {
	fs.writeSync(2, e.code + "\n");
}
