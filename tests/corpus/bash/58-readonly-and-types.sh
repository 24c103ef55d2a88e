readonly constant=1
declare -i number=3+4
declare -u upper=loud
echo $number $upper
constant=2
echo never
