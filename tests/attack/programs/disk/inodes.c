/* SPDX-License-Identifier: MIT */
/*
 * wins: a million empty files: no bytes, but a kilobyte of kernel memory each, and a teardown that holds up the slot
 * rule: 8 (nr_inodes 8,192), 24
 * expect: disk_limit
 * says: ^refused ENOSPC after [5-8][0-9]{3}$
 * control: unsafe: fills a disk's inodes
 * core: yes
 */
#include "attack.h"

int main(void)
{
	for (int i = 0; i < 1000000; i++) {
		char name[32];
		snprintf(name, sizeof name, "/%s/%d", i % 2 ? "tmp" : "dev/shm", i);
		if (mknod(name, i % 3 ? S_IFREG | 0600 : S_IFIFO | 0600, 0) < 0) {
			say("refused %s after %d", strerrorname_np(errno), i);
			return 1;
		}
	}
	return 0;
}
