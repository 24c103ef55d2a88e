/* Writing to a pipe that nobody reads ends the program. */
#include <stdio.h>
#include <unistd.h>

int main(void)
{
	int p[2];
	if (pipe(p)) return 1;
	close(p[0]);
	puts("before");
	fflush(stdout);
	ssize_t n = write(p[1], "x", 1);
	printf("never %zd\n", n);
}
