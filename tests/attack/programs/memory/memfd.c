/* SPDX-License-Identifier: MIT */
/*
 * wins: memory in anonymous files, which are under no mount that has a size
 * rule: 4 (charged to the run), 34
 * expect: memory_limit
 * limits: memory_bytes=67108864
 * needs: memory
 * else: ok
 * else-open: memory-over-the-limit
 * control: unsafe: a memory bomb
 */
#include "attack.h"

static char block[1 << 20];

int main(void)
{
	memset(block, 1, sizeof block);
	for (;;) {
		int fd = memfd_create("x", 0);
		if (fd < 0) {
			say("START");
			for (;;) pause();
		}
		for (int i = 0; i < 32; i++)
			if (write(fd, block, sizeof block) > 0) took(sizeof block);
	}
}
