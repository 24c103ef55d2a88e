// Every variable that a program finds, by name: nothing of the service may show here.
console.log(Object.keys(process.env).sort().join("\n"));
