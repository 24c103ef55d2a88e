/* SPDX-License-Identifier: MIT */
/*
 * wins: the x32 door: bit 30 of the number
 * rule: 34
 * expect: signal
 * says: ^START$
 * control: none: most kernels are built without it, and then it gives ENOSYS bare as well
 */
#include "attack.h"

int main(void)
{
	say("START");
	tried("x32", syscall(0x40000000 | SYS_getpid));
	return end();
}
