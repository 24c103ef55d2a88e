(async () => {
	const { join } = await import("node:path");
	const own = await import("./lib/late.mjs");
	console.log(join("a", "..", "b"), own.default);
	await import("./missing.mjs").catch((e) => console.log(e.code));
})();
