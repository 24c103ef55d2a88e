FUNCNEST=100
f() { f; }
f
echo never
