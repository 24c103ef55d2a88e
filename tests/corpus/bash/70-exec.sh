echo first
exec sh -c 'echo "replaced: $0 $1"; exit 6' zero one
