/* More than files_bytes allows. How the program learns of it (no space, or SIGXFSZ) is the host's matter; it must not succeed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <fcntl.h>

int main(void)
{
	static char b[65536];
	memset(b, 'x', sizeof b);
	write(1, "writing\n", 8);
	int fd = open("big", O_WRONLY | O_CREAT, 0644);
	for (int i = 0; i < 64; i++)
		if (write(fd, b, sizeof b) != (ssize_t)sizeof b) return 7;
	write(1, "wrote all\n", 10);
}
