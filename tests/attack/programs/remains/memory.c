/* SPDX-License-Identifier: MIT */
/*
 * wins: what the last run had in memory: pages that come to the next one unwiped; its arguments and environment in /proc
 * rule: 6, 22; own pid namespace
 * expect: ok
 * mode: leave-look
 * control: none: the kernel wipes pages for everybody
 */
#include "attack.h"

int main(int argc, char **argv)
{
	static const size_t size = 100 << 20;
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (strcmp(argv[argc - 1], "leave") == 0) {
		setenv("SECRET", "serapis-left-in-memory", 1);
		for (size_t i = 0; i < size; i += 64) memcpy(p + i, "serapis-left-in-memory", 22);
		return end();
	}
	for (size_t i = 0; i < size; i += 64)
		if (p[i]) {
			say("WON page-not-wiped");
			break;
		}
	char *h = malloc(10 << 20);
	for (size_t i = 0; h && i + 22 < 10 << 20; i++)
		if (h[i] == 's' && memcmp(h + i, "serapis-left", 12) == 0) say("WON heap-not-wiped");
	for (int pid = 1; pid < 300; pid++) {
		char name[48], text[8192];
		snprintf(name, sizeof name, "/proc/%d/environ", pid);
		int fd = open(name, O_RDONLY);
		ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text);
		if (fd >= 0) close(fd);
		if (pid != getpid() && n > 0) say("WON environment-of %d", pid);
	}
	return end();
}
