const { EventEmitter } = require("events");
const e = new EventEmitter();
e.once("x", (v) => console.log("x", v));
e.emit("x", 1);
e.emit("x", 2);
e.emit("error", new Error("nobody listens"));
