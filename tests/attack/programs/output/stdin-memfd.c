/* SPDX-License-Identifier: MIT */
/*
 * wins: the stdin of somebody else, or of the second attempt: stdin is a memfd that the service made, and the program holds it
 * rule: 7 (F_SEAL_WRITE, GROW, SHRINK, SEAL)
 * expect: ok
 * stdin: the service's own bytes
 * says: ^held write
 * control: none: there is no such memfd bare
 * core: yes
 */
#include "attack.h"

int main(void)
{
	char text[64] = "";
	tried("write", write(0, "owned", 5));
	tried("truncate", ftruncate(0, 0));
	tried("grow", ftruncate(0, 1 << 20));
	tried("punch", fallocate(0, 3 /* PUNCH_HOLE|KEEP_SIZE */, 0, 4096));
	tried("map", mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, 0, 0) == MAP_FAILED ? -1 : 0);
	int again = open("/proc/self/fd/0", O_RDWR);
	if (again >= 0) tried("write-reopened", write(again, "owned", 5));
	fcntl(0, F_ADD_SEALS, 0);
	if (pread(0, text, sizeof text - 1, 0) <= 0 || strcmp(text, "the service's own bytes") != 0) say("WON changed-stdin %s", text);
	return end();
}
