{ echo out; echo err >&2; } >both 2>&1
cat both
echo more >>both
wc -l <both
exec 5>five
echo to five >&5
exec 5>&-
cat five
cat missing 2>&1 || echo $?
set -C
echo x >both
