const os = require("os");
console.log(os.cpus().length, os.totalmem(), os.endianness(), JSON.stringify(os.EOL), os.type(), os.release(), os.homedir());
console.log(require("v8").getHeapStatistics().heap_size_limit, process.umask(), process.getuid() > 0, process.version, process.release.name);
