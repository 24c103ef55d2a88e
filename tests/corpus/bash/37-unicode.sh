text='ünï→😀 שלום'
echo "$text" ${#text} "${text^^}" "${text:0:3}"
printf '%s\n' $'\u00e9' $'\x41'
