console.log(__filename, __dirname, process.cwd(), process.argv[1], require.main === module, require.main.filename);
console.log(module.id, module.children, require.resolve("./" + require("path").basename(__filename)));
