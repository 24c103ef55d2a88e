/* SPDX-License-Identifier: MIT */
/*
 * wins: names instead of inodes: hard links and long symbolic links cost no data blocks and, on some file systems, no inode
 * rule: 8, 24
 * expect: disk_limit
 * says: ^refused
 * control: unsafe: fills a disk's directories
 */
#include "attack.h"

int main(void)
{
	static char target[4000];
	memset(target, 'x', sizeof target - 1);
	close(open("/tmp/first", O_CREAT | O_WRONLY, 0600));
	int hard = 0, soft = 0;
	for (; hard < 200000; hard++) {
		char name[32];
		snprintf(name, sizeof name, "/tmp/h%d", hard);
		if (link("/tmp/first", name) < 0) break;
	}
	say("refused hard %s after %d", strerrorname_np(errno), hard);
	for (; soft < 200000; soft++) {
		char name[32];
		snprintf(name, sizeof name, "/box/s%d", soft);
		if (symlink(target, name) < 0) break;
	}
	say("refused soft %s after %d", strerrorname_np(errno), soft);
	if (hard + soft > 20000) say("WON links %d", hard + soft);
	return 1;
}
