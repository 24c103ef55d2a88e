/* SPDX-License-Identifier: MIT */
/*
 * wins: a working directory that is nowhere: getcwd gives "(unreachable)" or fails, and ".." may lead to where it was
 * rule: design 4.1
 * expect: ok
 * control: none: rmdir(2)
 */
#include "attack.h"

int main(void)
{
	char here[256];
	mkdir("/box/w", 0700);
	(void)!chdir("/box/w");
	rmdir("/box/w");
	if (getcwd(here, sizeof here)) say("WON has-a-path %s", here);
	tried("create-there", open("x", O_CREAT | O_WRONLY, 0600));
	/* the kernel remembers the parent; above it is the container's root and nothing else */
	for (int i = 0; i < 8; i++) (void)!chdir("..");
	if (access("box", F_OK) != 0 || access("roots", F_OK) == 0 || access("root", F_OK) == 0)
		say("WON climbed-out %s", getcwd(here, sizeof here));
	return end();
}
