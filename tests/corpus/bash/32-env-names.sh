env | cut -d= -f1 | sort
