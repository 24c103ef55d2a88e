/* SPDX-License-Identifier: MIT */
/*
 * wins: a channel between two runs, and a stop for whoever locks such a file: flock on a file of the shared read-only root, and leases on it
 * rule: 23; docs/security.md names what of it is open: the file is one inode for all
 * expect: ok
 * mode: twice
 * open: flock-of-the-other
 * together: flock-of-the-other
 * control: bare
 * shows: ^WON flock-of-the-other
 */
#include "attack.h"

#include <sys/file.h>

int main(int argc, char **argv)
{
	from_now();
	int fd = open("/bin/sh", O_RDONLY);
	struct flock w = {.l_type = F_WRLCK, .l_len = 1};
	tried("record-lock", fcntl(fd, F_SETLK, &w));
	tried("lease", fcntl(fd, F_SETLEASE, F_WRLCK));
	tried("read-lease", fcntl(fd, F_SETLEASE, F_RDLCK));
	/* Both take it and give it back for the whole time: each meets the other's sooner or later. */
	bool other = false;
	for (int64_t stop = now_ms() + 1800; now_ms() < stop;) {
		if (flock(fd, LOCK_EX | LOCK_NB) < 0) other = true;
		nap_ms(5);
		flock(fd, LOCK_UN);
		nap_ms(2 + getpid() % 2 + argv[1][0] % 3);
	}
	if (other) say("WON flock-of-the-other");
	flock(fd, LOCK_EX | LOCK_NB);
	/* Running and reading it is not hindered by any lock. */
	int status = system("/bin/sh -c 'exit 7'");
	if (WEXITSTATUS(status) != 7) say("WON lock-stops-exec");
	nap_ms(300);
	until_now();
	return end();
}
