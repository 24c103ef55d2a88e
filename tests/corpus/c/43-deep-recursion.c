/* About 6 MiB of stack: fits into the 8 MiB that a program has. */
#include <stdio.h>

static int down(volatile int n)
{
	volatile char frame[1000];
	frame[n % 1000] = 1;
	return n ? down(n - 1) + frame[n % 1000] : 0;
}

int main(void) { printf("%d\n", down(5800)); }
