/* SPDX-License-Identifier: MIT */
/*
 * wins: 65,530 mappings a process, 200 bytes of the kernel's each
 * rule: 4
 * expect: memory_limit|ok|signal|process_limit
 * limits: memory_bytes=33554432 processes=40
 * needs: memory
 * else: signal
 * else-open: memory-over-the-limit
 * control: unsafe: a memory bomb
 */
#include "attack.h"

int main(void)
{
	for (int k = 0; k < 30; k++)
		if (fork() == 0) {
			for (int i = 0; mmap(NULL, 4096, i % 2 ? PROT_READ : PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
			        i++)
				took(200);
			for (;;) pause();
		}
	nap_ms(2500 * slow());
	return end();
}
