/* SPDX-License-Identifier: MIT */
/*
 * wins: a spy: a watch on a file of the shared root tells whenever anybody, in another slot or on the host itself, opens or runs it, and a watch on a
 *       directory tells the names
 * rule: 23; docs/security.md names what of it is open: the inode is one for all
 * expect: ok
 * mode: twice
 * open: saw-the-other-run-a-program directory-notification
 * together: saw-the-other-run-a-program
 * control: bare
 * shows: ^WON saw-the-other
 */
#include "attack.h"

#include <sys/inotify.h>

int main(int argc, char **argv)
{
	char buf[4096];
	int fd = inotify_init1(IN_NONBLOCK);
	bool saw = false;
	/* Each watches a program that only the other one opens. */
	const char *const mine = strcmp(argv[1], "first") == 0 ? "/usr/bin/tac" : "/usr/bin/nl", *const other =
	                                                                                                 strcmp(argv[1], "first") == 0
	                                                                                                         ? "/usr/bin/nl"
	                                                                                                         : "/usr/bin/tac";
	from_now();
	/* the old way to the same */
	if (fcntl(open("/usr/share", O_RDONLY), F_NOTIFY, 0x20) == 0) say("WON directory-notification");
	inotify_add_watch(fd, other, IN_OPEN | IN_ACCESS);
	for (int64_t stop = now_ms() + 1500; now_ms() < stop;) {
		close(open(mine, O_RDONLY));
		saw |= read(fd, buf, sizeof buf) > 0;
		nap_ms(5);
	}
	if (saw) say("WON saw-the-other-run-a-program");
	until_now();
	return end();
}
