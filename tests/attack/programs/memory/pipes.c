/* SPDX-License-Identifier: MIT */
/*
 * wins: kernel memory in pipes, up to 1 MiB each, owned by no mapping
 * rule: 4 (kernel memory is charged), 11 (NOFILE, per-user pipe pages with ids of the slot alone)
 * expect: ok|memory_limit
 * limits: memory_bytes=50331648 processes=40
 * control: unsafe: a memory bomb
 */
#include "attack.h"

static char block[1 << 16];

int main(void)
{
	long total = 0;
	for (int k = 0; k < 30; k++) {
		if (fork() == 0) {
			for (;;) {
				int p[2];
				if (pipe2(p, O_NONBLOCK) < 0) break;
				fcntl(p[1], F_SETPIPE_SZ, 1 << 20);
				while (write(p[1], block, sizeof block) > 0)
					;
			}
			pause();
		}
	}
	nap_ms(1500);
	say("START %ld", total);
	return end();
}
