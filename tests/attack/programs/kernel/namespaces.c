/* SPDX-License-Identifier: MIT */
/*
 * wins: a user namespace, in it all capabilities, and with them most of the kernel's privileged code
 * rule: 11 (max_user_namespaces 0), 34 (unshare, setns, clone with CLONE_NEW*, clone3)
 * expect: ok
 * says: ^held unshare-user EPERM$
 * control: bare
 * shows: ^WON unshare-user
 * core: yes
 */
#include "attack.h"

#include <linux/sched.h>

int main(void)
{
	static const struct {
		const char *name;
		unsigned long flag;
	} spaces[] = {{"user", CLONE_NEWUSER}, {"mount", CLONE_NEWNS}, {"pid", CLONE_NEWPID}, {"net", CLONE_NEWNET}, {"ipc", CLONE_NEWIPC},
	        {"uts", CLONE_NEWUTS}, {"cgroup", CLONE_NEWCGROUP}, {"time", 0x80}};
	for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++) {
		char name[32];
		snprintf(name, sizeof name, "unshare-%s", spaces[i].name);
		tried(name, unshare((int)spaces[i].flag));
		snprintf(name, sizeof name, "clone-%s", spaces[i].name);
		long p = syscall(SYS_clone, spaces[i].flag | CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
		if (p == 0) _exit(0);
		tried(name, p);
		snprintf(name, sizeof name, "clone3-%s", spaces[i].name);
		struct clone_args a = {.flags = spaces[i].flag | CLONE_NEWUSER, .exit_signal = SIGCHLD};
		p = syscall(SYS_clone3, &a, sizeof a);
		if (p == 0) _exit(0);
		tried(name, p);
		snprintf(name, sizeof name, "/proc/self/ns/%s", i == 1 ? "mnt" : spaces[i].name);
		int fd = open(name, O_RDONLY);
		if (fd >= 0) tried("setns", setns(fd, 0));
	}
	tried("clone-parent", syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0));
	int fd = (int)syscall(SYS_pidfd_open, 1, 0);
	if (fd >= 0) tried("setns-pidfd", setns(fd, CLONE_NEWNS));
	tried("uid-map", write(open("/proc/self/uid_map", O_WRONLY), "0 0 1", 5));
	return end();
}
