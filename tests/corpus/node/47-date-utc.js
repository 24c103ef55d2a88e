const d = new Date(Date.UTC(2024, 1, 29, 12, 34, 56, 789));
console.log(d.toISOString(), d.toUTCString(), d.getTime(), d);
console.log(new Intl.DateTimeFormat("en-GB", { timeZone: "Europe/Berlin", dateStyle: "full", timeStyle: "long" }).format(d));
console.log(new Date(0).getTimezoneOffset(), new Date(NaN).getTime(), Intl.DateTimeFormat().resolvedOptions().timeZone);
