/* SPDX-License-Identifier: MIT */
/*
 * wins: the processors: 60 spinning threads in sessions of their own against the neighbour's one
 * rule: 39, 8; both end, and the neighbour ends well
 * expect: cpu_limit|wall_limit
 * limits: processes=64 cpu_ms=3000 wall_ms=8000
 * beside: neighbour/victim.c
 * needs: cpu
 * else: signal|wall_limit
 * control: none: how a scheduler divides time is no secret
 */
#include "attack.h"

int main(void)
{
	from_now();
	for (int i = 0; i < 60; i++)
		if (fork() == 0) {
			setsid();
			for (volatile long k = 0;; k++)
				;
		}
	for (volatile long k = 0;; k++)
		;
}
