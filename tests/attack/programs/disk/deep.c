/* SPDX-License-Identifier: MIT */
/*
 * wins: a tree 8,000 levels deep: whoever removes or walks it by recursion or by path fails (PATH_MAX, the stack), and it stays
 * rule: design 4.1 (a run's tree is unmounted, not deleted)
 * expect: ok|disk_limit
 * says: ^depth [5-8][0-9]{3}
 * control: none: Python's own rmtree is one of the tools that it defeats, as a first version of this corpus found out
 */
#include "attack.h"

int main(void)
{
	int depth = 0;
	while (depth < 20000 && mkdir("dddddddddddddddddddddddddddddddd", 0700) == 0 && chdir("dddddddddddddddddddddddddddddddd") == 0)
		depth++;
	say("depth %d %s", depth, strerrorname_np(errno));
	return end();
}
