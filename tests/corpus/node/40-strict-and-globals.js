"use strict";
try {
	undeclared = 1;
} catch (e) {
	console.log(e.name, e.message);
}
console.log((function () { return this; })(), typeof globalThis, typeof window, process.platform, process.arch.length > 0, process.execArgv, process.title, process.execPath);
