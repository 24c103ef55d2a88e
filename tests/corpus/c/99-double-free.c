/* glibc finds it and aborts. */
#include <stdlib.h>
#include <string.h>

int main(void)
{
	char *volatile p = malloc(100), *q = p;
	memset(p, 1, 100);
	free(p);
	free(q);
	return *q;
}
