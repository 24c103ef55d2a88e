echo "$0 $#"
for a; do printf '%q\n' "$a"; done
shift 3
echo "$1" $*
