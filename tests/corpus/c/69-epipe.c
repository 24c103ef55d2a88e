#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void)
{
	int s[2];
	char b[8];
	signal(SIGPIPE, SIG_IGN);
	socketpair(AF_UNIX, SOCK_STREAM, 0, s);
	ssize_t w = write(s[0], "kept", 4);
	close(s[0]);
	ssize_t first = read(s[1], b, sizeof b), second = read(s[1], b, sizeof b);
	ssize_t broken = write(s[1], "x", 1);
	printf("%zd %zd %zd %zd %s\n", w, first, second, broken, strerror(errno));
}
