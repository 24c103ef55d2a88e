/* SPDX-License-Identifier: MIT */
/*
 * wins: the machine, as above; every process, the main one too, forks for ever and ignores what can be ignored
 * rule: 11, 15; 39 (cpu time by cgroup, so that it does not matter how it is spread)
 * expect: cpu_limit|wall_limit
 * limits: processes=64 cpu_ms=700 wall_ms=8000
 * control: unsafe: a fork bomb
 */
#include "attack.h"

int main(void)
{
	for (int s = 1; s < NSIG; s++) signal(s, SIG_IGN);
	for (;;) {
		fork();
		setsid();
	}
}
