// Over the limit: what is over is thrown away, the program goes on and ends by itself.
for (let i = 0; i < 40000; i++) process.stdout.write(`line ${i}\n`);
console.error("reached the end");
