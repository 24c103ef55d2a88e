/* SPDX-License-Identifier: MIT */
/*
 * wins: with a core_pattern that is a pipe: a program of the host, as its root, that reads memory which the attacker made; else a file
 * rule: 21 (RLIMIT_CORE is exactly 1, and stays)
 * expect: signal
 * says: ^core 1 1$
 * control: none: the host's core_pattern is not ours to change; core(5) and fs/coredump.c say what 1 does
 * core: yes
 */
#include "attack.h"

#include <sys/prctl.h>

int main(void)
{
	struct rlimit r, up = {0, 1}, off = {RLIM_INFINITY, RLIM_INFINITY};
	getrlimit(RLIMIT_CORE, &r);
	say("core %lu %lu", (unsigned long)r.rlim_cur, (unsigned long)r.rlim_max);
	tried("set-zero", setrlimit(RLIMIT_CORE, &up));
	tried("set-more", setrlimit(RLIMIT_CORE, &off));
	tried("prlimit", syscall(SYS_prlimit64, 0, RLIMIT_CORE, &up, NULL));
	tried("filter", open("/proc/self/coredump_filter", O_WRONLY));
	tried("pattern", open("/proc/sys/kernel/core_pattern", O_WRONLY));
	prctl(PR_SET_DUMPABLE, 1);
	pid_t p = fork();
	if (p == 0) abort();
	int status;
	waitpid(p, &status, 0);
	if (WCOREDUMP(status)) say("WON dumped-core");
	abort();
}
