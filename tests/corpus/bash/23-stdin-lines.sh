sum=0
while read -r n; do
	echo "line: $n"
	((sum += n))
done
echo "sum: $sum"
