echo "$LEVEL $TEXT $HOME $PATH ${USER-no user}"
