const samples = ["é", "e\u0301", "😀", "👩‍👩‍👧", "ﷺ", "\u202Eabc", "\u0000", "日本語", "\uFFFD", "\u{10FFFF}"];
for (const s of samples) console.log(s, s.length, [...s].length, s.normalize("NFC").length, Buffer.byteLength(s));
console.log("\ud800".length, "lone surrogate: \ud800");
