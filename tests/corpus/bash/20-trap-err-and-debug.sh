trap 'echo "error in line $LINENO: $BASH_COMMAND"' ERR
false
(exit 4)
echo $?
