/* SPDX-License-Identifier: MIT */
/*
 * Runs a command on a host that lacks something, for test_doctor.py; what it takes away is taken from that command alone.
 *
 *   without [--map COUNT] [--keys] [--call NAME=ERRNO]... COMMAND [ARGUMENT]...
 *
 *   --map COUNT        a user namespace of its own that has the ids 0 to COUNT - 1, whose limits user.* are then its own too
 *   --keys             no key may be made any more by this user
 *   --call NAME=ERRNO  the system call NAME answers ERRNO
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void write_map(pid_t pid, const char *file, unsigned long count)
{
	char path[64], map[64];
	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
	int fd = open(path, O_WRONLY | O_CLOEXEC), n = snprintf(map, sizeof map, "0 0 %lu\n", count);
	if (fd < 0 || write(fd, map, (size_t)n) != n) err(125, "%s", path);
	close(fd);
}

/* A child that stays outside has the right to write the maps. */
static void enter_user_namespace(unsigned long count)
{
	int ready[2], status;
	char byte;
	if (pipe2(ready, O_CLOEXEC) < 0) err(125, "pipe");
	pid_t us = getpid(), child = fork();
	if (child == 0) {
		close(ready[1]);
		if (read(ready[0], &byte, 1) != 1) _exit(125);
		write_map(us, "uid_map", count);
		write_map(us, "gid_map", count);
		_exit(0);
	}
	if (child < 0 || unshare(CLONE_NEWUSER) < 0 || write(ready[1], "", 1) != 1) err(125, "a user namespace");
	if (waitpid(child, &status, 0) != child || status != 0) errx(125, "the maps of a user namespace");
}

/* Keys of a process that has just ended are given back a moment later: there are none left when none has come for half a second. */
static void use_up_keys(void)
{
	for (unsigned i = 0, refused = 0; refused < 25; i++) {
		char name[32];
		snprintf(name, sizeof name, "without-%u", i);
		if (syscall(SYS_add_key, "user", name, "x", (size_t)1, -3 /* the session's key ring */) >= 0) {
			refused = 0;
			continue;
		}
		if (errno != EDQUOT) err(125, "add_key");
		refused++;
		usleep(20000);
	}
}

static void refuse(scmp_filter_ctx filter, const char *text)
{
	static const struct {
		const char *name;
		unsigned number;
	} errnos[] = {{"ENOSYS", ENOSYS}, {"EPERM", EPERM}, {"EACCES", EACCES}, {"ENOSPC", ENOSPC}, {"EINVAL", EINVAL}};
	char name[64];
	const char *equals = strchr(text, '=');

	if (!equals || (size_t)(equals - text) >= sizeof name) errx(125, "--call %s: not NAME=ERRNO", text);
	snprintf(name, sizeof name, "%.*s", (int)(equals - text), text);
	int call = seccomp_syscall_resolve_name(name);
	for (size_t i = 0; call != __NR_SCMP_ERROR && i < sizeof errnos / sizeof *errnos; i++)
		if (strcmp(equals + 1, errnos[i].name) == 0 && seccomp_rule_add(filter, SCMP_ACT_ERRNO(errnos[i].number), call, 0) == 0)
			return;
	errx(125, "--call %s: not a call and an errno that are known here", text);
}

int main(int argc, char **argv)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	bool filtered = false;
	int i = 1;

	if (!filter) errx(125, "libseccomp");
	for (; i + 1 < argc && strncmp(argv[i], "--", 2) == 0; i++) {
		if (strcmp(argv[i], "--keys") == 0) {
			use_up_keys();
		} else if (strcmp(argv[i], "--map") == 0) {
			enter_user_namespace(strtoul(argv[++i], NULL, 10));
		} else if (strcmp(argv[i], "--call") == 0) {
			refuse(filter, argv[++i]);
			filtered = true;
		} else {
			errx(125, "unknown option %s", argv[i]);
		}
	}
	if (i >= argc) errx(125, "no command");
	/* no_new_privs would be another thing taken away; without a capability there is no filter without it. */
	if (geteuid() == 0) seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0);
	if (filtered && seccomp_load(filter) != 0) errx(125, "loading the filter");
	seccomp_release(filter);
	execvp(argv[i], argv + i);
	err(125, "%s", argv[i]);
}
