/* The limit is 32 MiB. The bare program ends by itself, so only what was printed before can be compared. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
	puts("before");
	fflush(stdout);
	for (int i = 0; i < 100; i++) {
		char *p = malloc(1 << 20);
		memset(p, i + 1, 1 << 20);
		if (p[i] == 0) puts("?");
	}
	puts("after");
}
