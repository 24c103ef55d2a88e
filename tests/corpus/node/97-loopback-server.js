const http = require("http");
const server = http.createServer((req, res) => res.end(`${req.method} ${req.url}`));
server.listen(0, "127.0.0.1", () => {
	http.get({ port: server.address().port, host: "127.0.0.1", path: "/a?b=c", agent: false }, (res) => {
		res.on("data", (d) => console.log(res.statusCode, d.toString()));
		res.on("end", () => server.close(() => console.log("closed")));
	});
});
