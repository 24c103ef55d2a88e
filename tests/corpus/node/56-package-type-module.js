import os from "node:os";
console.log(typeof os.EOL, import.meta.url);
