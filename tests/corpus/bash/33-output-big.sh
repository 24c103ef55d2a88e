for ((i = 0; i < 60000; i++)); do echo $i; done
