const fs = require("fs/promises");
(async () => {
	await Promise.all(Array.from({ length: 20 }, (_, i) => fs.writeFile(`f${i}`, String(i))));
	const all = await Promise.all(Array.from({ length: 20 }, (_, i) => fs.readFile(`f${i}`, "utf8")));
	console.log(all.join(","));
	const dir = [];
	for await (const d of await fs.opendir(".")) dir.push(d.name);
	console.log(dir.length, (await fs.stat("f3")).isFile());
	await fs.access("nope").catch((e) => console.log(e.message));
})();
