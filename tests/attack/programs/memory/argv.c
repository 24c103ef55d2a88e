/* SPDX-License-Identifier: MIT */
/*
 * wins: memory that is charged before a program exists: exec with megabytes of arguments, again and again, in many processes
 * rule: 4
 * expect: memory_limit|signal|nonzero_exit|cpu_limit|wall_limit|process_limit
 * limits: memory_bytes=33554432 processes=40 wall_ms=6000 cpu_ms=3000
 * control: unsafe: a memory bomb
 */
#include "attack.h"

int main(int argc, char **argv)
{
	static char big[120000], *many[18];
	memset(big, 'a', sizeof big - 1);
	for (int i = 0; i < 17; i++) many[i] = big;
	if (argc == 1)
		for (int i = 0; i < 36; i++) fork();
	execv("/proc/self/exe", many);
	say("exec %s", strerrorname_np(errno));
	return 1;
}
