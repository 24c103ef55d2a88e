/* SPDX-License-Identifier: MIT */
/*
 * wins: as exit-lies, with SIGKILL: "the machine killed me for memory"
 * rule: 4 (memory_limit comes from the oom counter)
 * expect: signal
 * control: none: bare there is nobody to lie to
 * core: yes
 */
#include "attack.h"

int main(void)
{
	say("START");
	raise(SIGKILL);
	return 0;
}
