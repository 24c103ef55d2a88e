console.log(process.env.LEVEL, JSON.stringify(process.env.TEXT), process.env.HOME, process.env.LANG, process.env.TMPDIR);
console.log(process.env.NOT_THERE);
