f() {
	local x=inner
	echo "$x $1 $# ${FUNCNAME[0]}"
	y=global
	return 7
}
x=outer
f argument
echo $? $x $y
factorial() { (($1 < 2)) && echo 1 || echo $(($1 * $(factorial $(($1 - 1))))); }
factorial 10
