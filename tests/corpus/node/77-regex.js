console.log("2024-02-29".replace(/(?<y>\d+)-(?<m>\d+)-(?<d>\d+)/u, "$<d>.$<m>.$<y>"), "a1b22c333".match(/\d+/g));
console.log([..."x=1;y=2".matchAll(/(\w)=(\d)/g)].map((m) => [m.index, m[1], m[2]]), /(?<=\$)\d+/.exec("cost $42")[0]);
console.log("naïve Ωmega".split(/\P{L}+/u), /^\p{Lu}/u.test("Ärger"), "aBc".replace(/b/i, (c) => `[${c}]`), "x".repeat(5).replaceAll("x", "$&$$"));
