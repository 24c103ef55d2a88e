echo "$0 $PWD ${BASH_SOURCE[0]} $LINENO $SHLVL $- ~"
pwd -P
echo ~
