set -x
x=1
echo $x | cat
set +x
