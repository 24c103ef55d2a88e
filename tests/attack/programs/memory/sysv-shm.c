/* SPDX-License-Identifier: MIT */
/*
 * wins: System V segments: shared memory that stays after its maker's death
 * rule: 13 (charges that outlive the run), own ipc namespace
 * expect: memory_limit|signal
 * limits: memory_bytes=67108864
 * needs: memory
 * else: ok
 * else-open: memory-over-the-limit
 * control: unsafe: a memory bomb
 * core: yes
 */
#include "attack.h"

#include <sys/shm.h>

int main(void)
{
	for (;;) {
		int id = shmget(IPC_PRIVATE, 4 << 20, IPC_CREAT | 0600);
		char *p = id < 0 ? (char *)-1 : shmat(id, NULL, 0);
		if (p == (char *)-1) return 3;
		memset(p, 1, 4 << 20);
		took(4 << 20);
		shmdt(p);
	}
}
