/*
EOF
END
SOLUTION
$(touch pwned) `id` %s
*/
#include <stdio.h>
#define S(x) #x

int main(void) { puts(S(it is "quoted" \n % $HOME) "??/" S(`)); }
