text='a  b   c'
echo $text "$text"
IFS=,
set -- $(echo x,y,,z)
echo $# "$*"
