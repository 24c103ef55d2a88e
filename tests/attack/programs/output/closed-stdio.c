/* SPDX-License-Identifier: MIT */
/*
 * wins: a supervisor that takes the pipe's end for the program's end, or waits for an end that comes never
 * rule: 38
 * expect: wall_limit
 * limits: wall_ms=700
 * control: none: close(2)
 */
#include "attack.h"

int main(void)
{
	say("START");
	for (int fd = 0; fd < 256; fd++) close(fd);
	for (;;) pause();
}
