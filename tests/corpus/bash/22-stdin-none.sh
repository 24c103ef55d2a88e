read -r line
echo "status $?, line '$line'"
cat
