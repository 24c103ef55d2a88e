for (let i = 0; i < 20; i++) {
	console.log("out", i);
	console.error("err", i);
}
