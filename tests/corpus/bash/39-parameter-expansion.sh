path=/usr/share/doc/file.tar.gz
echo "${path##*/} ${path%.*} ${path%%.*} ${path/doc/DOC} ${path//a/A} ${#path} ${path:5:5} ${unset-default} ${path@Q}"
