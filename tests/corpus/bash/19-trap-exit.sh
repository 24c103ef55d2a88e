trap 'echo at exit, status $?' EXIT
echo body
exit 3
