echo 'echo x' >plain
./plain
echo $?
/usr
echo $?
