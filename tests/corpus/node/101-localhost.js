const net = require("net");
require("dns").lookup("localhost", { family: 4 }, (err, address) => console.log(err, address));
const server = net.createServer((c) => c.end("over ipv6"));
server.listen(0, "::1", () => net.connect(server.address().port, "::1").on("data", (d) => console.log(d.toString())).on("close", () => server.close()));
