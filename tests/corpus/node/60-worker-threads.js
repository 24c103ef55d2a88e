const { Worker, isMainThread, parentPort, workerData, threadId } = require("worker_threads");
if (isMainThread) {
	const shared = new Int32Array(new SharedArrayBuffer(4));
	let left = 3;
	const results = [];
	for (let n = 0; n < 3; n++) {
		const w = new Worker(__filename, { workerData: { n, shared } });
		w.on("message", (m) => results.push(m));
		w.on("exit", (code) => {
			if (--left === 0) console.log(results.sort(), shared[0], code);
		});
	}
} else {
	for (let i = 0; i < 10000; i++) Atomics.add(workerData.shared, 0, 1);
	parentPort.postMessage(`worker ${workerData.n} ${threadId > 0}`);
}
