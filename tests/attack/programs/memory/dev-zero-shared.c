/* SPDX-License-Identifier: MIT */
/*
 * wins: shared mappings of /dev/zero and shared anonymous memory: the kernel's own internal tmpfs, without a mount and without a limit
 * rule: 4
 * expect: memory_limit
 * limits: memory_bytes=67108864
 * needs: memory
 * else: ok
 * else-open: memory-over-the-limit
 * control: unsafe: a memory bomb
 */
#include "attack.h"

int main(void)
{
	int zero = open("/dev/zero", O_RDWR);
	for (int i = 0;; i++) {
		char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, i % 2 && zero >= 0 ? MAP_SHARED : MAP_SHARED | MAP_ANONYMOUS,
		        i % 2 ? zero : -1, 0);
		if (p == MAP_FAILED) continue;
		memset(p, 1, 1 << 20);
		took(1 << 20);
	}
}
