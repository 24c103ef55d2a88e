#include <stdio.h>
#include <time.h>

int main(void)
{
	struct timespec a, b, d = {.tv_nsec = 60000000};
	clock_gettime(CLOCK_MONOTONIC, &a);
	nanosleep(&d, 0);
	clock_gettime(CLOCK_MONOTONIC, &b);
	printf("%d\n", (b.tv_sec - a.tv_sec) * 1000000000 + b.tv_nsec - a.tv_nsec >= 60000000);
	printf("%d %d\n", time(0) > 1700000000, clock() >= 0);
}
