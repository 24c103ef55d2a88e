for i in {1..20}; do
	echo "out $i"
	echo "err $i" >&2
done
