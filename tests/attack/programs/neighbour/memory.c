/* SPDX-License-Identifier: MIT */
/*
 * wins: the neighbour's life: the oom killer of a shared limit takes the larger process
 * rule: 4 (a cgroup a slot)
 * expect: memory_limit
 * limits: memory_bytes=67108864 processes=64
 * beside: neighbour/victim.c
 * needs: memory
 * else: ok
 * else-open: memory-over-the-limit
 * control: unsafe: a memory bomb
 * core: yes
 */
#include "attack.h"

int main(void)
{
	from_now();
	/* Children are killed again and again for two seconds; at last the main process itself. */
	for (int64_t stop = now_ms() + 2300; now_ms() < stop;) {
		pid_t p = fork();
		if (p == 0) {
			for (long n = 0; n < enough(); n += 1 << 20) memset(malloc(1 << 20), 1, 1 << 20);
			_exit(0);
		}
		waitpid(p, NULL, 0);
	}
	for (;;) {
		char *m = malloc(1 << 20);
		if (!m) continue;
		memset(m, 1, 1 << 20);
		took(1 << 20);
	}
}
