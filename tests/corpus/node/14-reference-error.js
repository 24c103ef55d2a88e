const table = { run: (x) => x.map((n) => n + missing) };
table.run([1, 2, 3]);
