// exitCode is set, and the program goes on until it ends by itself.
process.exitCode = 42;
setTimeout(() => console.log("later"), 10);
console.log("now");
