#include <stdio.h>
#include <stdlib.h>

int main(void)
{
	char *line = 0;
	size_t cap = 0;
	ssize_t n;
	while ((n = getline(&line, &cap, stdin)) > 0) printf("%zd: %.*s|\n", n, (int)(line[n - 1] == '\n' ? n - 1 : n), line);
	free(line);
}
