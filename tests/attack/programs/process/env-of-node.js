// SPDX-License-Identifier: MIT
// wins: what the service was started with: its environment, its arguments, its open files, by the interpreter's own view of the process
// rule: 6, 36, design 4.3
// expect: ok
// args: {secret}
// control: bare
// shows: ^WON environment
const fs = require("fs");
const secret = process.argv[2];
if (JSON.stringify(process.env).includes(secret)) console.log("WON environment");
if (fs.readFileSync("/proc/self/environ", "latin1").includes(secret)) console.log("WON environ");
const names = Object.keys(process.env).sort().join(" ");
console.log(names);
if (process.report) {
  const r = process.report.getReport();
  if (JSON.stringify(r.environmentVariables ?? {}).includes(secret)) console.log("WON report");
  if (r.userLimits?.core_file_size_blocks && r.userLimits.core_file_size_blocks.hard === "unlimited") console.log("WON core");
}
console.log("END");
