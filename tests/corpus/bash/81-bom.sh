echo after a byte order mark
