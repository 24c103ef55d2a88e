echo before
exec >&-
echo after
echo "status $?" >&2
