console.log("before");
process.exit(2);
console.log("never");
