/* SPDX-License-Identifier: MIT */
/*
 * wins: the host's disk, or the memory behind the tree
 * rule: 24
 * expect: disk_limit
 * says: ^refused (ENOSPC|EFBIG)$
 * limits: files_bytes=4194304
 * control: unsafe: fills a disk
 * core: yes
 */
#include "attack.h"

static char block[1 << 16];

int main(void)
{
	const char *dirs[] = {"/box", "/tmp", "/dev/shm"};
	signal(SIGXFSZ, SIG_IGN);
	long total = 0;
	memset(block, 1, sizeof block);
	for (int i = 0; i < 3; i++)
		for (int k = 0; k < 100; k++) {
			char name[64];
			snprintf(name, sizeof name, "%s/%d", dirs[i], k);
			int fd = open(name, O_WRONLY | O_CREAT, 0600);
			ssize_t n;
			while (fd >= 0 && (n = write(fd, block, sizeof block)) > 0) total += n;
			close(fd);
		}
	say("refused %s", strerrorname_np(errno));
	/* One limit for the three places together, not one for each. */
	if (total > 4 << 20) say("WON wrote %ld bytes", total);
	return 1;
}
