/* SPDX-License-Identifier: MIT */
/*
 * wins: a call through the fixed page at the top of memory, which no filter of calls would see
 * rule: 34 (time and getcpu alone are there, and are allowed)
 * expect: ok|signal
 * control: none: vsyscall is a setting of the kernel's
 */
#include "attack.h"

int main(void)
{
	say("START");
	long (*old_time)(long *) = (long (*)(long *))0xffffffffff600400;
	say("time %d", old_time(NULL) > 0);
	return end();
}
