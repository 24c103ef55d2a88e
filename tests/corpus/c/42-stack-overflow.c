#include <stdio.h>

static int down(volatile int n)
{
	volatile char frame[1000];
	frame[n % 1000] = 1;
	return down(n + 1) + frame[n % 1000];
}

int main(void)
{
	puts("before");
	fflush(stdout);
	return down(0);
}
