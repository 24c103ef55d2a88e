/* SPDX-License-Identifier: MIT */
/*
 * wins: a parent in uninterruptible sleep, for as long as the child of its vfork likes: in D state it can be neither stopped nor asked
 * rule: 28; design 4.5
 * expect: wall_limit
 * limits: wall_ms=700
 * control: none: vfork(2)
 */
#include "attack.h"

int main(void)
{
	volatile pid_t p = vfork();
	if (p == 0)
		for (;;) pause();
	return 1;
}
