/* SPDX-License-Identifier: MIT */
/*
 * wins: both processors for ever: 16 threads that block every signal
 * rule: 39 (cpu by cgroup accounting, the kill is SIGKILL to init)
 * expect: cpu_limit
 * limits: cpu_ms=600 wall_ms=15000 processes=32
 * needs: cpu
 * else: signal
 * control: none: that a deaf thread spins needs no proof
 * core: yes
 */
#include "attack.h"

#include <pthread.h>

static void *spin(void *arg)
{
	for (volatile unsigned long i = 0;; i++)
		;
	return arg;
}

int main(void)
{
	sigset_t all;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	for (int i = 0; i < 15; i++) {
		pthread_t t;
		pthread_create(&t, NULL, spin, NULL);
	}
	spin(NULL);
}
