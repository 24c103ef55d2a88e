/* SPDX-License-Identifier: MIT */
/*
 * wins: the race with a killer that walks a list of processes: each of these forks its successor and exits, so that no process is there long enough to be
 *       found, and the main process ends in the midst of it
 * rule: design 4.5: killing init of the pid namespace is one act of the kernel, during which fork fails
 * expect: ok
 * limits: processes=60
 * control: unsafe: it could not be stopped here either
 * core: yes
 */
#include "attack.h"

int main(void)
{
	for (int i = 0; i < 8; i++)
		if (fork() == 0) {
			setsid();
			for (;;) {
				pid_t p = fork();
				if (p > 0) _exit(0);
				if (p < 0) sched_yield();
			}
		}
	nap_ms(100);
	return end();
}
