/* SPDX-License-Identifier: MIT */
/*
 * wins: memory that belongs to no process: the oom killer finds nobody to blame and shoots the slot's launcher, or the neighbours
 * rule: 4, 24 (one tmpfs, charged to the run)
 * expect: memory_limit
 * limits: memory_bytes=33554432 files_bytes=134217728
 * needs: memory
 * else: output_limit
 * else-says: ^write ENOSPC$
 * control: unsafe: a memory bomb
 * core: yes
 */
#include "attack.h"

static char block[1 << 16];

int main(void)
{
	memset(block, 1, sizeof block);
	const char *dirs[] = {"/tmp", "/box", "/dev/shm"};
	for (int i = 0;; i++) {
		char name[64];
		snprintf(name, sizeof name, "%s/f%d", dirs[i % 3], i);
		int fd = open(name, O_WRONLY | O_CREAT, 0600);
		for (int k = 0; k < 64; k++)
			if (write(fd, block, sizeof block) < 0) say("write %s", strerrorname_np(errno));
		close(fd);
	}
}
