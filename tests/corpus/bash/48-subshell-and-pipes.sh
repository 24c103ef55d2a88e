x=1
(x=2; cd /; echo "$x $PWD")
echo "$x $PWD"
echo piped | { read -r y; echo "in the pipe: $y"; }
echo "after: ${y-nothing}"
shopt -s lastpipe
echo piped | read -r y
echo "lastpipe: $y"
