#include <stdio.h>

#include "lib/sum.h"

int main(void)
{
	int a[] = {1, 2, 3};
	printf("%d %s %d\n", sum(a, 3), sum_where(), __COUNTER__);
	unsigned char b[8];
	FILE *f = fopen("data/in.bin", "rb");
	size_t n = f ? fread(b, 1, sizeof b, f) : 0;
	for (size_t i = 0; i < n; i++) printf("%02x ", b[i]);
	puts("");
}
