console.log(JSON.stringify({ b: 1, a: [undefined, null, NaN, new Date(0), () => 1], u: undefined, "k\n": "\u2028é\ud800" }, null, 2));
console.log(JSON.parse('{"__proto__": 1, "n": 1e400, "s": "\\u00e9"}'), JSON.stringify("</script>"));
try {
	JSON.parse('{"a": 1,}');
} catch (e) {
	console.log(e.name);
}
