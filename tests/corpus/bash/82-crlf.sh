echo carriage returns
if true; then
	echo x
fi
