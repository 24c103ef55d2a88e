console.log("never printed");
const a = [1, 2;
console.log(a);
