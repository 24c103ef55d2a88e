/* SPDX-License-Identifier: MIT */
/*
 * wins: space that no listing shows: files that are deleted but open; counted by name they are nothing
 * rule: 24 (the size is the file system's own)
 * expect: disk_limit|nonzero_exit
 * says: ^refused ENOSPC after [0-9]$
 * limits: files_bytes=8388608
 * control: none: unlink(2)
 */
#include "attack.h"

static char block[1 << 20];

int main(void)
{
	memset(block, 1, sizeof block);
	for (int i = 0; i < 100; i++) {
		char name[32];
		snprintf(name, sizeof name, "/tmp/%d", i);
		int fd = open(name, O_WRONLY | O_CREAT, 0600);
		unlink(name);
		/* the last one before the end is a short write */
		if (fd < 0 || (write(fd, block, sizeof block) != sizeof block && write(fd, block, 4096) < 0)) {
			say("refused %s after %d", strerrorname_np(errno), i);
			return 1;
		}
	}
	say("WON wrote-100-MiB");
	return 0;
}
