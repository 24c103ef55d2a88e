// About 120 MB in all, far less of it alive at a time: works within the default memory limit.
let keep = [];
let sum = 0;
for (let round = 0; round < 12; round++) {
	const b = Buffer.alloc(10 * 1024 * 1024, round);
	sum += b[b.length - 1];
	keep = [b];
}
const objects = Array.from({ length: 300000 }, (_, i) => ({ i, text: "n" + i }));
console.log(sum, objects.length, objects[299999].text);
