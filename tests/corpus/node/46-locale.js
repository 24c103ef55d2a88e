console.log((1234567.891).toLocaleString("de-DE"), (1234567.891).toLocaleString("en-US"), (1234567.891).toLocaleString());
console.log(new Intl.NumberFormat("ja-JP", { style: "currency", currency: "JPY" }).format(1234567));
console.log(new Intl.PluralRules("pl").select(3), "İ".toLowerCase().length, "straße".toUpperCase(), "I".toLocaleLowerCase("tr"));
console.log(Intl.DateTimeFormat().resolvedOptions().locale);
