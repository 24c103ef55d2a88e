#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(void)
{
	puts("before");
	fflush(stdout);
	close(1);
	printf("after\n");
	int r = fflush(stdout);
	fprintf(stderr, "%d %s\n", r, strerror(errno));
	return 6;
}
