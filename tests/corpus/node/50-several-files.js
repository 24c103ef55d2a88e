const { sum } = require("./lib/sum");
const data = require("./data/numbers.json");
console.log(sum(data.numbers), require("./lib/sum") === require("./lib/sum.js"));
console.log(require("fs").readFileSync(__dirname + "/data/in.bin"));
