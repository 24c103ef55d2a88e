no-such-command argument
echo $?
./nothing-here
echo $?
