. lib/sum.sh
sum 1 2
source lib/bad.sh
echo $?
