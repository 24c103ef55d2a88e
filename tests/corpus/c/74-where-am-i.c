#include <libgen.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char b[4096];
	printf("%s %s:%d %s\n", getcwd(b, sizeof b), __FILE__, __LINE__, __func__);
	ssize_t n = readlink("/proc/self/exe", b, sizeof b);
	printf("%s %.*s\n", argv[0], (int)n, b);
}
