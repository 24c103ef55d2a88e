setTimeout(() => console.log("timeout 80"), 80);
setTimeout(() => console.log("timeout 0"), 0);
const i = setInterval(() => {
	console.log("interval");
	clearInterval(i);
}, 40);
process.nextTick(() => console.log("tick"));
Promise.resolve().then(() => console.log("microtask"));
queueMicrotask(() => console.log("microtask 2"));
clearTimeout(setTimeout(() => console.log("never"), 1));
setTimeout(() => console.log("unref"), 20).ref();
console.log("sync");
