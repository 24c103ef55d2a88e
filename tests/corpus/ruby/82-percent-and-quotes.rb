# Signs that a printf or a shell would eat.
puts "100% %s %d %n %x %% %5$s", 'single \' double " back \\ tick `', "\\n stays, $HOME stays"
printf("%s has %d items and 100%%\n", "list", 3)
puts %q('; rm -rf / #), '$(touch pwned) `touch pwned` ${IFS} | & ; < > * ? [ ] ! ~' + "\t."
p File.exist?("pwned"), 5 % 3, "%05d" % 42, "EOF", "<<'EOF'", '\0'
