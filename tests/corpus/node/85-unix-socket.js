const net = require("net");
const server = net.createServer((s) => s.end("hello over a unix socket\n"));
server.listen("sock", () => {
	net.connect("sock").on("data", (d) => process.stdout.write(d)).on("end", () => server.close());
});
