printf '#!/bin/sh\necho "script $0 $1"\n' >s.sh
chmod 755 s.sh
./s.sh argument
printf '#!/usr/bin/env bash\necho ${BASH_VERSION:+bash}\n' >b
chmod 755 b
./b
printf '#!/no/interpreter\n' >n
chmod 755 n
./n
echo $?
