/* 160 MiB touched: fits into the default memory limit. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
	long sum = 0;
	char *p[16];
	for (int i = 0; i < 16; i++) {
		p[i] = malloc(10 << 20);
		memset(p[i], i, 10 << 20);
	}
	for (int i = 0; i < 16; i++) sum += p[i][i * 4096];
	printf("%ld\n", sum);
	free(p[0]);
	printf("%p\n", malloc((size_t)1 << 60));
}
