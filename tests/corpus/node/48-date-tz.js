console.log(new Date(0).toString());
console.log(new Date(2024, 6, 1).toISOString());
