until ((n >= 3)); do
	((n++))
	((n == 2)) && continue
	echo $n
done
for ((i = 0, j = 9; i < j; i += 3, j--)); do echo $i $j; done
select x in one two; do echo "chosen $x"; done <<<2
