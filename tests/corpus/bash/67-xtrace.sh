set -x
x=1
echo $x
y=$(echo "from a subshell")
[[ $y == from* ]] && echo "$y"
set +x
