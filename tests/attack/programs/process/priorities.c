/* SPDX-License-Identifier: MIT */
/*
 * wins: the processor before all others: real-time class, negative nice, the disk's real-time class, and limits raised again
 * rule: 11 (NICE, RTPRIO 0), 34
 * expect: ok
 * needs: ids
 * else: ok
 * else-open: nice-of-init
 * control: none: an unprivileged user cannot either; what is tested is that root at the top of our own line left nothing
 * core: yes
 */
#include "attack.h"

int main(void)
{
	struct sched_param fifo = {.sched_priority = 1};
	struct rlimit up = {RLIM_INFINITY, RLIM_INFINITY};
	tried("fifo", sched_setscheduler(0, SCHED_FIFO, &fifo));
	tried("rr", sched_setscheduler(0, SCHED_RR, &fifo));
	tried("nice", setpriority(PRIO_PROCESS, 0, -5));
	tried("nice-of-init", setpriority(PRIO_PROCESS, 1, 19));
	tried("io-realtime", syscall(SYS_ioprio_set, 1, 0, 1 << 13));
	tried("attr", syscall(SYS_sched_setattr, 0, NULL, 0));
	for (int r = 0; r < RLIM_NLIMITS; r++) {
		struct rlimit old;
		if (getrlimit(r, &old) == 0 && old.rlim_max != RLIM_INFINITY && setrlimit(r, &up) == 0) say("WON raised limit %d", r);
	}
	tried("limits-of-init", syscall(SYS_prlimit64, 1, RLIMIT_NOFILE, &up, NULL));
	return end();
}
