ulimit -n
ulimit -s
ulimit -f
