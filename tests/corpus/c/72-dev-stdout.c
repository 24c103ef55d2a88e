#include <stdio.h>

int main(void)
{
	const char *names[] = {"/dev/stdout", "/dev/stderr", "/dev/fd/1", "/proc/self/fd/2"};
	for (int i = 0; i < 4; i++) {
		FILE *f = fopen(names[i], "w");
		if (!f) return perror(names[i]), 1;
		fprintf(f, "%s\n", names[i]);
		fclose(f);
	}
}
