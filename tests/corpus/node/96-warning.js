// The process id stands in the text of a warning and is mapped away.
process.emitWarning("careful", "CustomWarning", "C001");
setImmediate(() => console.log("goes on"));
