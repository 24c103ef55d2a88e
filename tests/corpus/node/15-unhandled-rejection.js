async function fails() {
	throw new TypeError("rejected and nobody cares");
}
fails();
console.log("main is done");
