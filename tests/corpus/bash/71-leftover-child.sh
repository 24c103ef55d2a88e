# The run ends with the program, not with what it leaves behind.
sleep 30 &
echo main ends
