#include <stdio.h>

int main(void)
{
	volatile int *p = (int *)8;
	puts("flushed");
	fflush(stdout);
	*p = 1;
	puts("never");
}
