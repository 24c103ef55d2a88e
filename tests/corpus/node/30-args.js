console.log(process.argv.length);
for (const a of process.argv.slice(2)) console.log(JSON.stringify(a));
