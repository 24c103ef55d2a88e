// Signs that a printf or a shell would eat.
console.log("100% %s %d %n %x %% %5$s", 'single \' double " back \\ tick `', `\\n stays, $HOME stays`);
console.log("%s has %d items and 100%%", "list", 3, "more");
console.log('\'; rm -rf / #', "$(touch pwned) `touch pwned` ${IFS} | & ; < > * ? [ ] ! ~ \t.");
console.log(require("fs").existsSync("pwned"));
console.log(5 % 3, "EOF", "<<'EOF'", "\\0", "\x41\u{42}\103".length);
