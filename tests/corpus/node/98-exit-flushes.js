// What fits into a pipe is written at once: leaving directly afterwards loses nothing of it.
for (let i = 0; i < 5000; i++) console.log("row " + i);
process.exit(3);
