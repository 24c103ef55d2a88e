mapfile -t lines
echo "${#lines[@]}"
printf '<%s>' "${lines[@]}"
