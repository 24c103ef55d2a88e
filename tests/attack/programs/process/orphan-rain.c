/* SPDX-License-Identifier: MIT */
/*
 * wins: a container's init that does not reap: 400 orphans die, each keeps its process number, and the program (or the next) gets none any more
 * rule: 38 (init reaps all, and does nothing else)
 * expect: ok
 * says: ^rained 400$
 * limits: processes=16
 * control: none: a machine's init reaps as well; what is tested is ours
 */
#include "attack.h"

int main(void)
{
	for (int i = 0; i < 400; i++) {
		pid_t p;
		/* Orphans are reaped by init in its own time: being refused for a moment is not being refused for good. */
		for (int tries = 0; (p = fork()) < 0 && tries < 2000; tries++) nap_ms(2);
		if (p < 0) {
			say("WON orphans-keep-their-numbers after %d", i);
			return 1;
		}
		if (p == 0) {
			fork();
			_exit(0);
		}
		waitpid(p, NULL, 0);
	}
	say("rained 400");
	return end();
}
