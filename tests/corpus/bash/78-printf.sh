printf '%5d|%-5s|%05.1f|%x|%o|%e|%c|%b|%%\n' 42 ab 3.14159 255 8 12345.678 xyz 'tab\there'
printf '%d %s\n' 1 a 2 b 3
printf '%d\n' abc
echo $?
