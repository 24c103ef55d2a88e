/* SPDX-License-Identifier: MIT */
/*
 * wins: knowledge: where physical pages are (rowhammer), where the kernel is, what other tenants read last (page cache), the host's paths in mount tables
 * rule: 22, 34 (mincore, RWF_NOWAIT, cachestat)
 * expect: ok
 * control: none: half of it is refused to every unprivileged user
 */
#include "attack.h"

#include <sys/uio.h>

int main(void)
{
	static char page[4096 * 4] __attribute__((aligned(4096)));
	uint64_t entry[4] = {0};
	page[0] = 1;
	int fd = open("/proc/self/pagemap", O_RDONLY);
	if (fd >= 0 && pread(fd, entry, sizeof entry, (off_t)((uintptr_t)page / 4096 * 8)) > 0 && (entry[0] & ((1ULL << 55) - 1)))
		say("WON frame-numbers");
	FILE *f = fopen("/proc/self/wchan", "r");
	char line[1024] = "";
	if (f && fgets(line, sizeof line, f) && strlen(line) > 1) say("WON wchan %s", line);
	f = fopen("/proc/self/stack", "r");
	if (f && fgets(line, sizeof line, f)) say("WON kernel-stack");
	f = fopen("/proc/self/syscall", "r");
	f = fopen("/proc/self/mountinfo", "r");
	while (f && fgets(line, sizeof line, f))
		if (strstr(line, "/home") || strstr(line, "/root") || strstr(line, "upperdir")) say("WON path-in-mountinfo %s", line);
	/* Pages of a large file that nobody has read for a while: the truth would be told by zeros. */
	fd = open("/usr/bin/gcc", O_RDONLY);
	struct stat s;
	fstat(fd, &s);
	struct iovec v = {page, sizeof page};
	tried("nowait", preadv2(fd, &v, 1, 0, RWF_NOWAIT));
	tried("cachestat", syscall(451, fd, NULL, NULL, 0));
	/* atime: read-only mounts keep it */
	struct stat after;
	(void)!pread(fd, page, sizeof page, 0);
	fstat(fd, &after);
	if (after.st_atim.tv_sec != s.st_atim.tv_sec || after.st_atim.tv_nsec != s.st_atim.tv_nsec) say("WON access-time-moves");
	return end();
}
