set -u
echo "${defined:-default}"
echo "$missing"
echo never
