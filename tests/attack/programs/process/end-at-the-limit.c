/* SPDX-License-Identifier: MIT */
/*
 * wins: the moment between the program's end and its limit's kill: a verdict that is neither, a program that is killed and yet judged to have ended well,
 *       and, born in that moment, a process that nobody looks for any more
 * rule: design 4.5; 38: what init said before it was killed stands, and the kill is of the pid namespace
 * expect: ok|wall_limit
 * says: ^START$
 * limits: wall_ms=150
 * repeat: 24
 * control: none: there is no limit bare
 * core: yes
 */
#include "attack.h"

int main(int argc, char **argv)
{
	/* From 6 ms before the limit to 6 ms after it, in steps of half a millisecond; the clock runs since exec. */
	long at_us = 150000 * (getenv("SLOW") ? atol(getenv("SLOW")) : 1) - 6000 + 500 * atol(argv[argc - 1]);
	say("START");
	struct timespec t = {at_us / 1000000, at_us % 1000000 * 1000};
	clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
	end();
	for (int i = 0; i < 4; i++)
		if (fork() == 0) {
			setsid();
			for (int k = 0;; k++)
				if (fork() > 0) _exit(0); /* hands over for ever */
		}
	return 0;
}
