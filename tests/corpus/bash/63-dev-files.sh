head -c 3 /dev/zero | od -An -tx1
echo gone >/dev/null
echo x >/dev/full
echo $?
head -c 8 /dev/urandom | wc -c
