#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(void)
{
	const char *names[] = {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"};
	for (int i = 0; i < 5; i++) {
		char b[16] = "unchanged";
		int fd = open(names[i], O_RDONLY);
		ssize_t r = read(fd, b, 4);
		printf("%s %zd %s\n", names[i], r, i == 1 || i == 2 ? b : "");
		close(fd);
	}
	int fd = open("/dev/full", O_WRONLY);
	ssize_t w = write(fd, "x", 1);
	printf("%zd %s\n", w, strerror(errno));
	w = write(open("/dev/null", O_WRONLY), "x", 1);
	printf("%zd %d %d %d\n", w, isatty(0), isatty(1), isatty(2));
	fd = open("/dev/tty", O_RDWR);
	printf("%d\n", fd);
}
