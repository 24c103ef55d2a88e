trap '' TERM INT HUP QUIT
echo before
while :; do sleep 1; done
