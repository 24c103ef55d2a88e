// SPDX-License-Identifier: MIT
// wins: the outside, by the runtime's own clients: fetch, DNS over UDP, a proxy from the environment
// rule: design 4.4
// expect: ok
// control: none: this machine may have no way out either
const net = require("net"), dgram = require("dgram"), dns = require("dns"), os = require("os");
const seen = Object.values(os.networkInterfaces()).flat().filter((a) => !a.internal);
if (seen.length) console.log("WON interface " + JSON.stringify(seen));
const tries = [
  new Promise((r) => fetch("http://169.254.169.254/latest/meta-data/").then(() => r("WON metadata"), (e) => r("held fetch " + (e.cause?.code ?? e.code)))),
  new Promise((r) => dns.resolve4("example.com", (e) => r(e ? "held dns " + e.code : "WON dns"))),
  new Promise((r) => dns.lookup("example.com", (e) => r(e ? "held lookup " + e.code : "WON lookup"))),
  new Promise((r) => net.connect(80, "192.0.2.1").on("error", (e) => r("held tcp " + e.code)).on("connect", () => r("WON tcp"))),
  new Promise((r) => dgram.createSocket("udp4").send("x", 53, "8.8.8.8", (e) => r(e ? "held udp " + e.code : "WON udp"))),
];
Promise.all(tries).then((all) => { all.forEach((l) => console.log(l)); console.log("END"); process.exit(0); });
