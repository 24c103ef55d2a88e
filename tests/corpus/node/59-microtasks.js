const log = (s) => console.log(s);
(async () => {
	log("a1");
	await null;
	log("a2");
	await new Promise((r) => process.nextTick(r));
	log("a3");
})();
Promise.all([1, Promise.resolve(2)]).then((v) => log(v));
Promise.allSettled([Promise.reject(new Error("no")), 1]).then((v) => log(v.map((x) => x.status)));
Promise.race([new Promise((r) => setTimeout(r, 50, "slow")), "fast"]).then(log);
Promise.any([Promise.reject(1), 2]).then(log).finally(() => log("finally"));
log("end of main");
