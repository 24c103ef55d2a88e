#include <stdint.h>
#include <stdio.h>

int main(void)
{
	uint64_t h = 14695981039346656037u;
	long n = 0;
	for (int c; (c = getchar()) != EOF; n++) h = (h ^ (unsigned char)c) * 1099511628211u;
	printf("%ld %016lx\n", n, h);
}
