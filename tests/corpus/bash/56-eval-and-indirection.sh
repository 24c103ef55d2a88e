name=target target=value
echo "${!name}"
eval 'echo $'$name
declare -n ref=target
ref=changed
echo $target
printf -v made '%05d' 42
echo $made
