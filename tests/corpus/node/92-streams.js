const { pipeline, Readable, Transform, Writable } = require("stream");
const upper = new Transform({ transform: (c, e, done) => done(null, c.toString().toUpperCase()) });
const collected = [];
const sink = new Writable({ write: (c, e, done) => { collected.push(c.toString()); done(); } });
pipeline(Readable.from(["one ", "two ", "three"]), upper, sink, (err) => console.log("done", err, collected));
(async () => {
	for await (const x of Readable.from([1, 2])) console.error("async", x);
})();
