/* SPDX-License-Identifier: MIT */
/*
 * wins: a next run that is slower, lower, smaller or differently placed: affinity, nice, timer slack, limits, umask, signal mask and dispositions
 * rule: 36
 * expect: ok
 * mode: leave-look
 * control: none: processes of a shell do not inherit from each other
 * core: yes
 */
#include "attack.h"

#include <sys/prctl.h>

int main(int argc, char **argv)
{
	cpu_set_t cpus;
	if (strcmp(argv[argc - 1], "leave") == 0) {
		CPU_ZERO(&cpus);
		CPU_SET(0, &cpus);
		/* also for init and whoever else has a number */
		for (int p = 0; p < 4; p++) {
			sched_setaffinity(p, sizeof cpus, &cpus);
			setpriority(PRIO_PROCESS, (id_t)p, 19);
		}
		setpriority(PRIO_PGRP, 0, 19);
		setpriority(PRIO_USER, 0, 19);
		prctl(PR_SET_TIMERSLACK, 1000000000L);
		umask(0777);
		struct sched_param idle = {0};
		for (int p = 0; p < 4; p++) sched_setscheduler(p, SCHED_IDLE, &idle);
		return end();
	}
	CPU_ZERO(&cpus);
	sched_getaffinity(0, sizeof cpus, &cpus);
	if (CPU_COUNT(&cpus) < sysconf(_SC_NPROCESSORS_CONF)) say("WON affinity %d", CPU_COUNT(&cpus));
	if (getpriority(PRIO_PROCESS, 0) != 0 || getpriority(PRIO_PROCESS, 1) > 0) say("WON nice");
	if (sched_getscheduler(0) != SCHED_OTHER) say("WON scheduler");
	if (prctl(PR_GET_TIMERSLACK) > 50000) say("WON timer-slack %d", prctl(PR_GET_TIMERSLACK));
	if (umask(022) != 022) say("WON umask");
	sigset_t mask;
	sigprocmask(SIG_SETMASK, NULL, &mask);
	for (int s = 1; s < NSIG; s++) {
		struct sigaction a;
		if (sigismember(&mask, s) == 1) say("WON blocked %d", s);
		if (sigaction(s, NULL, &a) == 0 && a.sa_handler != SIG_DFL) say("WON disposition %d", s);
	}
	sigpending(&mask);
	for (int s = 1; s < NSIG; s++)
		if (sigismember(&mask, s) == 1) say("WON pending %d", s);
	return end();
}
