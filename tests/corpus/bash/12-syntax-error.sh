echo printed before
if true; then
  echo "no fi"
