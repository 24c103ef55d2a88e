/* SPDX-License-Identifier: MIT */
/*
 * wins: page tables: one touched byte every 2 MiB costs a page of the process and one of the kernel's
 * rule: 4 (kernel memory is charged)
 * expect: memory_limit
 * limits: memory_bytes=33554432
 * needs: memory
 * else: ok
 * else-open: memory-over-the-limit
 * control: unsafe: a memory bomb
 */
#include "attack.h"

int main(void)
{
	char *p = mmap(NULL, 1L << 44, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED) {
		say("refused %s", strerrorname_np(errno));
		p = mmap(NULL, 1L << 40, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	}
	volatile char sum = 0;
	for (long i = 0; i < 1L << 40; i += 2 << 20) sum += p[i], took(4096); /* reads: the zero page, but page tables of one's own */
	return 1;
}
