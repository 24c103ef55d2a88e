for ((i = 0; i < 9000; i++)); do
	echo "line $i"
	echo "error $i" >&2
done
