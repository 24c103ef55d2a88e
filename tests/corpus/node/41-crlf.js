console.log("carriage returns");
const t = `a
b`;
console.log(t.length, JSON.stringify(t));
