#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 3;
	printf("round %d\n", n);
	fflush(stdout);
	if (!n) return 11;
	char next[12];
	snprintf(next, sizeof next, "%d", n - 1);
	execl("/proc/self/exe", argv[0], next, (char *)0);
	perror("exec");
	return 1;
}
