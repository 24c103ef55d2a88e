/* SPDX-License-Identifier: MIT */
/*
 * wins: an exit status of its own choosing: the main process spins, a child kills init, and the launcher is told that all ended well
 * rule: 38
 * expect: wall_limit
 * limits: wall_ms=600 cpu_ms=10000
 * control: none: needs an init that is ours
 */
#include "attack.h"

int main(void)
{
	if (fork() == 0) {
		for (int s = 1; s < NSIG; s++) kill(1, s);
		/* and by what init holds: its descriptors are out of reach */
		int fd = open("/proc/1/fd/0", O_WRONLY);
		if (fd >= 0) say("WON init-report-pipe");
		_exit(0);
	}
	for (;;) pause();
}
