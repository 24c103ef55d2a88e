/* SPDX-License-Identifier: MIT */
/*
 * wins: time: the main process ends at once and well, what it started goes on printing; the answer must come and the child must die
 * rule: 38 (then drain with a bound)
 * expect: ok
 * control: bare
 * shows: LEFT a process
 */
#include "attack.h"

int main(void)
{
	if (fork() == 0) {
		setsid();
		for (;;) {
			say("still here");
			nap_ms(5);
		}
	}
	nap_ms(30);
	say("END");
	_exit(0);
}
