touch a1 a2 b1
echo a* [b]* {1..5} {a,b}{x,y} {01..10..3} nothing*
shopt -s nullglob extglob
echo nothing* !(a*|main.sh)
