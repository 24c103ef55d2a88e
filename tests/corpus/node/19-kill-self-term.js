// The loop stays alive so that the signal is what ends the program.
setInterval(() => {}, 1000);
console.log("before");
process.kill(process.pid, "SIGTERM");
