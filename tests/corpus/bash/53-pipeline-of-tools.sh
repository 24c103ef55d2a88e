printf '%s\n' pear apple fig apple | sort | uniq -c | sort -rn | awk '{ print $2 "=" $1 }' | tr a-z A-Z | sed 's/=/: /' | head -n 2
seq 10 | paste -sd+ | tee sum | grep -o '[0-9]*' | wc -l
cat sum
