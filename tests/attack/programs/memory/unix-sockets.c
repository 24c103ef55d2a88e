/* SPDX-License-Identifier: MIT */
/*
 * wins: kernel memory in the queues of Unix sockets that nobody reads
 * rule: 4 (charged), 11 (NOFILE)
 * expect: ok|memory_limit|signal|process_limit
 * limits: memory_bytes=50331648 processes=40 wall_ms=10000
 * needs: memory
 * else: signal
 * else-open: memory-over-the-limit
 * control: unsafe: a memory bomb
 */
#include "attack.h"

static char block[1 << 15];

int main(void)
{
	for (int k = 0; k < 20; k++)
		if (fork() == 0) {
			for (;;) {
				int p[2], size = 1 << 23;
				if (socketpair(AF_UNIX, k % 2 ? SOCK_STREAM : SOCK_DGRAM, 0, p) < 0) break;
				setsockopt(p[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
				while (send(p[0], block, sizeof block, MSG_DONTWAIT) > 0) took(sizeof block);
			}
			for (;;) pause();
		}
	nap_ms(2500);
	return end();
}
