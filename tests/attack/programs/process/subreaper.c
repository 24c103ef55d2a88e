/* SPDX-License-Identifier: MIT */
/*
 * wins: orphans that gather below a process of the run's instead of below init, and so escape an end that goes by parents
 * rule: design 4.5 (by pid namespace, not by parents)
 * expect: ok
 * control: bare
 * shows: LEFT a process
 */
#include "attack.h"

#include <sys/prctl.h>

int main(void)
{
	if (fork() == 0) {
		setsid();
		prctl(PR_SET_CHILD_SUBREAPER, 1);
		for (int i = 0; i < 5; i++)
			if (fork() == 0) {
				if (fork() == 0)
					for (;;) pause();
				_exit(0);
			}
		for (;;) pause();
	}
	nap_ms(50);
	return end();
}
