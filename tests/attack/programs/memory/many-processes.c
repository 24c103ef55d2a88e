/* SPDX-License-Identifier: MIT */
/*
 * wins: memory by many small processes, each of which is the less likely victim than something big of a neighbour's; children ask to be spared
 * rule: 4 (oom_score_adj 1000, /proc read-only, one cgroup)
 * expect: memory_limit|cpu_limit|wall_limit
 * says: ^held spare-me EROFS$
 * limits: memory_bytes=67108864 processes=40 wall_ms=8000 cpu_ms=4000
 * needs: memory
 * else: signal
 * else-open: memory-over-the-limit
 * control: unsafe: a memory bomb
 */
#include "attack.h"

int main(void)
{
	tried("spare-me", open("/proc/self/oom_score_adj", O_WRONLY));
	for (int i = 0; i < 30; i++)
		if (fork() == 0)
			for (;;) {
				char *p = malloc(65536);
				if (!p) continue;
				memset(p, 1, 65536);
				took(65536);
			}
	/* If the kill takes only children, the main process reports it. */
	for (int left = 30; left; left--) {
		int status;
		if (wait(&status) > 0 && WIFSIGNALED(status)) return 1;
	}
	return 1;
}
