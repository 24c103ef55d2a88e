echo by its name >/dev/stdout
echo errors too >/dev/stderr
echo by its number >/proc/self/fd/1
echo by descriptor >/dev/fd/2
