/* SPDX-License-Identifier: MIT */
/*
 * wins: all memory of the machine; the oom killer then chooses among everybody's processes
 * rule: 4, 12 (memory cgroup)
 * expect: memory_limit
 * limits: memory_bytes=67108864
 * needs: memory
 * else: ok
 * else-open: memory-over-the-limit
 * control: unsafe: a memory bomb
 * core: yes
 */
#include "attack.h"

int main(void)
{
	for (;;) {
		char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p == MAP_FAILED) continue;
		memset(p, 1, 1 << 20);
		took(1 << 20);
	}
}
