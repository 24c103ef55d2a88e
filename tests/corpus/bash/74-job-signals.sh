sleep 20 &
kill $!
wait $!
echo $?
trap 'echo usr1' USR1
kill -USR1 $$
trap '' TERM
kill $$
echo still here
