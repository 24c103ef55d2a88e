console.log("loaded");
await null;
throw new Error("from a module");
