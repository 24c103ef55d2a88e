/* SPDX-License-Identifier: MIT */
/*
 * wins: memory by a stack without a bottom
 * rule: 11 (STACK)
 * expect: signal|memory_limit
 * control: none: RLIMIT_STACK is the usual one
 */
#include "attack.h"

static int down(volatile char *above)
{
	volatile char here[65536];
	here[0] = here[sizeof here - 1] = above[0];
	return down(here) + here[0];
}

int main(void)
{
	volatile char top[1] = {1};
	return down(top);
}
