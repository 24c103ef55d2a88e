echo "no history expansion: !!"
echo 'single $quotes `are` literal'
echo -e 'tab\there' -n
