/* SPDX-License-Identifier: MIT */
/*
 * wins: cpu time that no RLIMIT_CPU sees: each process uses 5 ms and hands over to a new one
 * rule: 39 (the cgroup counts all of them together)
 * expect: cpu_limit
 * limits: cpu_ms=500 wall_ms=4000
 * needs: cpu
 * else: wall_limit
 * control: none: RLIMIT_CPU counts a process alone, setrlimit(2)
 */
#include "attack.h"

int main(void)
{
	for (;;) {
		pid_t p = fork();
		if (p == 0) {
			clock_t stop = clock() + CLOCKS_PER_SEC / 200;
			while (clock() < stop)
				;
			_exit(0);
		}
		waitpid(p, NULL, 0);
	}
}
