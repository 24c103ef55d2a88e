// The run ends with the program, not with what it leaves behind.
require("child_process").spawn("sleep", ["30"], { stdio: "inherit" }).unref();
console.log("main ends");
process.exit(0);
