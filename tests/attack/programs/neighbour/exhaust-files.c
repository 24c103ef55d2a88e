/* SPDX-License-Identifier: MIT */
/*
 * wins: the neighbour's descriptors, pipes and memory in pipes, all of which the kernel also counts per user or for the machine
 * rule: 11, design 4.3
 * expect: ok|memory_limit
 * limits: processes=64 open_files=256
 * beside: neighbour/victim.c
 * shared: denied-pipe
 * control: unsafe: 16,000 open files
 */
#include "attack.h"

int main(void)
{
	from_now();
	for (int k = 0; k < 60; k++)
		if (fork() == 0) {
			int p[2];
			while (pipe(p) == 0) fcntl(p[0], F_SETPIPE_SZ, 1 << 20);
			for (;;) pause();
		}
	nap_ms(2500);
	until_now();
	return end();
}
