/* SPDX-License-Identifier: MIT */
/*
 * wins: a process that outlives the run: in a session of its own, adopted by init, deaf to signals, with the run's stdout open; a miner, a spy on the
 *       next tenant, or an answer that never comes because somebody waits for the pipe's end
 * rule: 38 and design 4.5: the end of the main process is the end of the pid namespace
 * expect: ok
 * control: bare
 * shows: LEFT a process
 * core: yes
 */
#include "attack.h"

int main(void)
{
	int ready[2];
	char c;
	if (pipe(ready) < 0) return 1;
	if (fork() == 0) {
		setsid();
		if (fork() == 0) {
			for (int s = 1; s < NSIG; s++) signal(s, SIG_IGN);
			(void)!write(ready[1], "x", 1);
			for (;;) pause();
		}
		_exit(0);
	}
	if (read(ready[0], &c, 1) != 1) return 1;
	return end();
}
