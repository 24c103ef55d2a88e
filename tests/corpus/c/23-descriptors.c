/* A program starts with the descriptors 0, 1 and 2 and nothing else. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

int main(void)
{
	for (int fd = 0; fd < 256; fd++) {
		struct stat st;
		if (!fstat(fd, &st)) printf("%d %s %s\n", fd, fd ? S_ISFIFO(st.st_mode) ? "pipe" : "other" : "", fcntl(fd, F_GETFD) ? "cloexec" : "");
	}
}
