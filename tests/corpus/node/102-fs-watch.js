const fs = require("fs");
const w = fs.watch(".", (type, name) => {
	console.log(type, name);
	w.close();
});
setTimeout(() => fs.writeFileSync("new-file", "x"), 30);
