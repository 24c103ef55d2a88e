function* fib(a = 0, b = 1) {
	for (;;) [a, b] = [b, (yield a) ?? a + b];
}
const it = fib();
console.log([1, 2, 3, 4, 5].map(() => it.next().value), { ...{ a: 1 }, b: 2 }, [..."ab"], ((x, ...r) => r)(1, 2, 3));
class A {
	#secret = 1;
	static count = 0;
	get value() { return this.#secret++; }
	[Symbol.toPrimitive]() { return 7; }
}
const a = new A();
console.log(a.value + a.value, +a, a, new Proxy({}, { get: (t, k) => `no ${String(k)}` }).thing, new Map([[1, { a: new Set([2]) }]]));
label: for (const x of [1, 2]) for (const y of [1, 2]) if (y === 2) continue label; else console.log(x, y);
console.log(Object.entries({ b: 1, 2: 2, 1: 3 }), typeof null, [] + {}, [2] * [3], null ?? "d", a?.b?.c, structuredClone({ d: new Date(0) }));
