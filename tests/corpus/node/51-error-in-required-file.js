console.log("main");
require("./lib/deep/bad").run(3);
