/* SPDX-License-Identifier: MIT */
/*
 * wins: the 32-bit door: the same numbers are other calls there, and a filter that looks at numbers alone is blind
 * rule: 34 (foreign architectures: kill)
 * expect: signal
 * says: ^START$
 * control: bare
 * shows: ^WON int80
 */
#include "attack.h"

int main(void)
{
	say("START");
	long r;
	__asm__ volatile("int $0x80" : "=a"(r) : "0"(20 /* getpid */) : "memory", "r8", "r9", "r10", "r11");
	tried("int80", r);
	return end();
}
