const { AsyncLocalStorage } = require("async_hooks");
const als = new AsyncLocalStorage();
als.run("first", () => setTimeout(() => console.log(als.getStore()), 5));
als.run("second", () => setTimeout(() => console.log(als.getStore()), 60));
console.log(als.getStore());
