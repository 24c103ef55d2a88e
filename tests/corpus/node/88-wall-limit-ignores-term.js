for (const s of ["SIGTERM", "SIGINT", "SIGHUP"]) process.on(s, () => console.log("ignored", s));
console.log("I will not go");
process.kill(process.pid, "SIGTERM");
setInterval(() => {}, 1000);
