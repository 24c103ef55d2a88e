/* SPDX-License-Identifier: MIT */
/*
 * wins: a slot for ever: a stopped program uses no cpu time, and a supervisor that waits for stops, or sends SIGTERM, waits in vain
 * rule: design 4.5 (wall clock by timer, SIGKILL)
 * expect: wall_limit
 * limits: wall_ms=700
 * control: none: that a stopped process stays is its nature
 */
#include "attack.h"

int main(void)
{
	kill(0, SIGSTOP);
	raise(SIGSTOP);
	for (;;) pause();
}
