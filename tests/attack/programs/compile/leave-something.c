/* SPDX-License-Identifier: MIT */
/*
 * wins: a compile step that runs code: there is none in C's, but what it leaves in the tree, a link in the place of the program, is what the next step meets
 * rule: 20
 * expect: ok
 * says: ^program is a file$
 * control: none: two steps are ours
 */
#include "attack.h"

int main(void)
{
	struct stat s;
	char path[256] = "";
	(void)!readlink("/proc/self/exe", path, sizeof path - 1);
	if (lstat(path, &s) == 0 && S_ISREG(s.st_mode) && s.st_uid == getuid()) say("program is a file");
	/* the compile step's processes, descriptors and shared memory are gone */
	for (pid_t p = 2; p < 1000; p++)
		if (p != getpid() && kill(p, 0) == 0) say("WON compile-step-lives %d", p);
	return end();
}
