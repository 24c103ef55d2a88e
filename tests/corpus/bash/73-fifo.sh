mkfifo pipe
echo through the fifo >pipe &
cat pipe
wait
