// Writes to a pipe are synchronous: nothing is lost by leaving at once.
for (let i = 0; i < 5000; i++) console.log("row " + i);
process.exit(3);
