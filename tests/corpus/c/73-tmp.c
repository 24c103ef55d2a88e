#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int main(void)
{
	char name[] = "/tmp/corpus-XXXXXX", b[8] = "";
	int fd = mkstemp(name);
	struct stat st;
	ssize_t w = write(fd, "text", 4), r = pread(fd, b, 8, 0);
	printf("%zd %zd %s %d\n", w, r, b, unlink(name));
	FILE *f = tmpfile();
	printf("%d\n", fputs("x", f) >= 0);
	stat("/tmp", &st);
	printf("%o\n", st.st_mode);
}
