function inner() {
	throw new Error("it went wrong");
}
function outer() {
	inner();
}
console.log("start");
outer();
