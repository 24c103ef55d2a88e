/* SPDX-License-Identifier: MIT */
/* System calls that glibc of Debian 12 does not wrap, or wraps with more than is wanted in a process that is about to be confined. */
#ifndef SP_BOX_SYS_H
#define SP_BOX_SYS_H

#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#ifndef OPEN_TREE_CLONE
#define OPEN_TREE_CLONE 1
#endif
#ifndef OPEN_TREE_CLOEXEC
#define OPEN_TREE_CLOEXEC O_CLOEXEC
#endif
#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000
#endif

#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP UINT64_C(0x200000000)
#endif

/* Like fork() with new namespaces, and born in the cgroup (v2) whose directory `cgroup` is, unless that is -1. Only for processes with one thread:
 * glibc's own bookkeeping (atfork handlers, thread id) is not renewed. */
static inline pid_t sp_sys_clone(uint64_t flags, int *pidfd, int cgroup)
{
	struct clone_args a = {.flags = flags, .pidfd = (uint64_t)(uintptr_t)pidfd, .exit_signal = SIGCHLD};
	if (pidfd) a.flags |= CLONE_PIDFD;
	if (cgroup >= 0) {
		a.flags |= CLONE_INTO_CGROUP;
		a.cgroup = (uint64_t)cgroup;
	}
	pid_t pid = (pid_t)syscall(SYS_clone3, &a, sizeof a);
	/* The kernel writes the number before it asks the cgroup, and takes the descriptor back when that refuses: what is left is the number of nothing, or
	 * of whatever is opened next. */
	if (pid < 0 && pidfd) *pidfd = -1;
	return pid;
}

static inline int sp_sys_openat2(int dir, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve)
{
	struct open_how how = {.flags = flags | O_CLOEXEC, .mode = mode, .resolve = resolve};
	return (int)syscall(SYS_openat2, dir, path, &how, sizeof how);
}

static inline int sp_sys_pivot_root(const char *new_root, const char *put_old) { return (int)syscall(SYS_pivot_root, new_root, put_old); }
static inline int sp_sys_pidfd_kill(int pidfd) { return (int)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0); }
static inline int sp_sys_close_range(unsigned first, unsigned last, unsigned flags)
{
	return (int)syscall(SYS_close_range, first, last, flags);
}
/* Closes all but these (-1: none); sorts them. -1 with errno. */
static inline int sp_sys_close_but(int *keep, size_t n)
{
	unsigned from = 0;
	for (size_t i = 1; i < n; i++)
		for (size_t j = i; j > 0 && keep[j] < keep[j - 1]; j--) {
			int swap = keep[j];
			keep[j] = keep[j - 1];
			keep[j - 1] = swap;
		}
	for (size_t i = 0; i < n; i++) {
		if (keep[i] < 0 || (unsigned)keep[i] < from) continue;
		if ((unsigned)keep[i] > from && sp_sys_close_range(from, (unsigned)keep[i] - 1, 0) < 0) return -1;
		from = (unsigned)keep[i] + 1;
	}
	return sp_sys_close_range(from, ~0U, 0);
}
static inline long sp_sys_join_session_keyring(void) { return syscall(SYS_keyctl, 1 /* KEYCTL_JOIN_SESSION_KEYRING */, NULL, 0, 0, 0); }

#endif
