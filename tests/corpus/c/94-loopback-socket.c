#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sockaddr_in at;
static void *client(void *arg)
{
	int s = socket(AF_INET, SOCK_STREAM, 0);
	ssize_t n = connect(s, (void *)&at, sizeof at) ? -1 : write(s, "over tcp", 8);
	close(s);
	return (void *)n;
}

int main(void)
{
	socklen_t len = sizeof at;
	int l = socket(AF_INET, SOCK_STREAM, 0), one = 1;
	char b[32] = "";
	setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	at.sin_family = AF_INET;
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(l, (void *)&at, sizeof at) || listen(l, 4) || getsockname(l, (void *)&at, &len)) return perror("server"), 1;
	pthread_t t;
	pthread_create(&t, 0, client, 0);
	int c = accept(l, 0, 0);
	ssize_t n = read(c, b, sizeof b - 1);
	printf("%zd %s\n", n, b);
	void *r;
	pthread_join(t, &r);
	struct ifaddrs *ifa;
	printf("%ld %d\n", (long)r, getifaddrs(&ifa));
}
