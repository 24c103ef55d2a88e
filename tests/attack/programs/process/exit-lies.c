/* SPDX-License-Identifier: MIT */
/*
 * wins: a verdict that is not true: a program that dies by the signals that limits use, or writes what it thinks that the supervisor reads, and is
 *       then excused by a limit of the machine's that it never met
 * rule: 38, 24; the verdict comes from counters outside of the program
 * expect: signal
 * says: ^tried
 * control: none: bare there is nobody to lie to
 */
#include "attack.h"

int main(void)
{
	char note[640] = {2};
	for (int fd = 3; fd < 64; fd++)
		if (write(fd, note, sizeof note) > 0) say("WON wrote-to-descriptor %d", fd);
	say("tried");
	fprintf(stderr, "Killed process 2 (main) total-vm: out of memory\n");
	raise(SIGXCPU);
	return 0;
}
