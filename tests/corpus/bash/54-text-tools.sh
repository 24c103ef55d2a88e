printf 'a,b,c\n1,2,3\n' >t.csv
cut -d, -f2 t.csv
awk -F, 'NR > 1 { s += $3 } END { print s }' t.csv
find . -type f | sort
xargs -n 1 echo <<<'x y z'
expr 6 \* 7
basename /a/b.c .c
date -u -d @0 +%FT%TZ
