console.log([10, 9, 1, 100, 25].sort(), [10, 9, 1, 100, 25].sort((a, b) => a - b));
console.log(["b", "A", "a", "B", "ä", "Z"].sort(), ["b", "A", "a", "B", "ä", "Z"].sort((x, y) => x.localeCompare(y, "de")));
console.log((1234567.891).toFixed(2), (0.000001234).toString(), (1e21).toString(), (255).toString(16), (0.1).toPrecision(21), (-1.5).toFixed(0));
