/* SPDX-License-Identifier: MIT */
/* Kernel, privileges and limits. Files and mounts: host_files.c. */
#include "box/host.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "box/sys.h"

#define UNCONFINED "start the service without that filter (docker: --security-opt seccomp=unconfined)"

bool sp_host_line(const char *path, char *out, size_t size)
{
	FILE *f = fopen(path, "re");
	bool ok = f && fgets(out, (int)size, f);
	if (f) fclose(f);
	if (ok) out[strcspn(out, "\n")] = 0;
	return ok;
}

bool sp_host_is_root(void)
{
	static int was = -1;
	if (was < 0) was = geteuid() == 0;
	return was;
}

bool sp_host_kernel_is(int major, int minor)
{
	struct utsname u;
	int is[2] = {0, 0};
	if (uname(&u) < 0 || sscanf(u.release, "%d.%d", &is[0], &is[1]) != 2) return true;
	return is[0] > major || (is[0] == major && is[1] >= minor);
}

/* ---- system calls */

/* Each with arguments that the kernel refuses before it looks at privileges, or that do nothing. */
static long call_clone3(void) { return syscall(SYS_clone3, NULL, (size_t)0); }
static long call_close_range(void) { return syscall(SYS_close_range, ~0U, 0U, 0U); }
static long call_epoll_pwait2(void)
{
	struct epoll_event e;
	return syscall(SYS_epoll_pwait2, -1, &e, 1, NULL, NULL, (size_t)0);
}
static long call_execveat(void) { return syscall(SYS_execveat, -1, "", NULL, NULL, 0); }
static long call_memfd_create(void) { return syscall(SYS_memfd_create, "", ~0U); }
static long call_mount_setattr(void) { return syscall(SYS_mount_setattr, -1, "", 0U, NULL, (size_t)0); }
static long call_open_tree(void) { return syscall(SYS_open_tree, -1, "", ~0U); }
static long call_openat2(void) { return syscall(SYS_openat2, -1, "", NULL, (size_t)0); }
static long call_pidfd_open(void) { return syscall(SYS_pidfd_open, -1, 0U); }
static long call_pidfd_send_signal(void) { return syscall(SYS_pidfd_send_signal, -1, 0, NULL, 0U); }
static long call_unshare(void) { return syscall(SYS_unshare, 0UL); }
static long call_seccomp(void)
{
	uint32_t action = SECCOMP_RET_ERRNO;
	return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0U, &action);
}
/* For these the kernel asks for the privilege first, so a refusal says nothing yet. */
static long call_move_mount(void) { return syscall(SYS_move_mount, -1, "", -1, "", ~0U); }
static long call_pivot_root(void) { return syscall(SYS_pivot_root, "", ""); }
/* A kernel without key rings has no operator's to leave: its ENOSYS is fine. */
static long call_keyctl(void) { return syscall(SYS_keyctl, 0 /* KEYCTL_GET_KEYRING_ID */, -3 /* KEY_SPEC_SESSION_KEYRING */, 0); }

static const struct {
	const char *name;
	long (*call)(void);
	bool needed, refusal_tells;
} calls[] = {
        {"clone3", call_clone3, true, true},
        {"close_range", call_close_range, true, true},
        {"epoll_pwait2", call_epoll_pwait2, true, true},
        {"execveat", call_execveat, true, true},
        {"keyctl", call_keyctl, false, true},
        {"memfd_create", call_memfd_create, true, true},
        {"mount_setattr", call_mount_setattr, true, true},
        {"move_mount", call_move_mount, true, false},
        {"open_tree", call_open_tree, true, true},
        {"openat2", call_openat2, true, true},
        {"pidfd_open", call_pidfd_open, true, true},
        {"pidfd_send_signal", call_pidfd_send_signal, true, true},
        {"pivot_root", call_pivot_root, true, false},
        {"seccomp", call_seccomp, true, true},
        {"unshare", call_unshare, true, true},
};

static void add_name(char *list, size_t size, const char *name)
{
	size_t n = strlen(list);
	snprintf(list + n, size - n, "%s%s", n ? ", " : "", name);
}

int sp_host_calls(struct sp_err *err)
{
	char absent[160] = "", forbidden[160] = "";
	struct utsname u = {0};

	for (size_t i = 0; i < SP_COUNT(calls); i++) {
		errno = 0;
		if (calls[i].call() >= 0) continue;
		if (errno == ENOSYS && calls[i].needed) add_name(absent, sizeof absent, calls[i].name);
		if ((errno == EPERM || errno == EACCES) && calls[i].refusal_tells) add_name(forbidden, sizeof forbidden, calls[i].name);
	}
	uname(&u);
	bool filtered = prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == SECCOMP_MODE_FILTER;
	if (forbidden[0] && filtered)
		return sp_fail(err, SP_E_UNSUPPORTED, 0, "a filter of system calls forbids %s; " UNCONFINED, forbidden);
	if (forbidden[0])
		return sp_fail(err, SP_E_UNSUPPORTED, 0,
		        "a security module forbids %s; start the service without it (docker: --security-opt apparmor=unconfined)",
		        forbidden);
	if (absent[0] && filtered)
		return sp_fail(err, SP_E_UNSUPPORTED, 0,
		        "a filter of system calls answers %s as if this kernel (%s) did not have it; " UNCONFINED, absent, u.release);
	if (absent[0])
		return sp_fail(err, SP_E_UNSUPPORTED, 0, "this kernel (%s) has no %s; boot Linux 5.12 or later, as Debian builds it",
		        u.release, absent);
	/* EINVAL: the call is there, and filters are not */
	if (call_seccomp() < 0)
		return sp_fail(err, SP_E_UNSUPPORTED, 0,
		        "this kernel cannot filter system calls; boot one that is built with CONFIG_SECCOMP_FILTER");
	return 0;
}

/* ---- privileges */

int sp_host_capabilities(struct sp_err *err)
{
	static const struct {
		unsigned cap;
		const char *name, *what;
	} needed[] = {
	        {CAP_CHOWN, "CHOWN", "giving the box its cgroups"},
	        {CAP_DAC_OVERRIDE, "DAC_OVERRIDE", "making the box's cgroups"},
	        {CAP_SETGID, "SETGID", "mapping the slots' group ids"},
	        {CAP_SETUID, "SETUID", "mapping the slots' user ids"},
	};
	struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct d[2] = {{0}};

	if (syscall(SYS_capget, &h, d) < 0) return 0; /* what is refused later will tell */
	for (size_t i = 0; i < SP_COUNT(needed); i++)
		if (!(d[0].effective & 1u << needed[i].cap))
			return sp_fail(err, SP_E_UNSUPPORTED, 0,
			        "root has no capability CAP_%s here, which %s takes; give it back (docker: --cap-add %s, systemd: "
			        "CapabilityBoundingSet=)",
			        needed[i].name, needed[i].what, needed[i].name);
	return 0;
}

int sp_host_core(struct sp_err *err)
{
	char pattern[160] = "";
	struct rlimit now;

	if (getrlimit(RLIMIT_CORE, &now) < 0 || now.rlim_max > 0) return 0;
	if (setrlimit(RLIMIT_CORE, &(struct rlimit){0, 1}) == 0) { /* as the stub will */
		(void)!setrlimit(RLIMIT_CORE, &now);
		return 0;
	}
	if (sp_host_line("/proc/sys/kernel/core_pattern", pattern, sizeof pattern) && pattern[0] != '|' && pattern[0] != '@') return 0;
	return sp_fail(err, SP_E_UNSUPPORTED, 0,
	        "this host hands core dumps to a program (kernel.core_pattern) and the hard core limit is 0, which does not stop that; "
	        "start "
	        "the service with LimitCORE=1 or more (prlimit --core=1:1 COMMAND)");
}

int sp_host_open_files(unsigned slots, struct sp_err *err)
{
	/* A slot has seven at its start; the launcher has one for each directory of a root while it builds. */
	rlim_t need = 64 + 8 * (rlim_t)slots;
	struct rlimit now;

	if (getrlimit(RLIMIT_NOFILE, &now) < 0 || now.rlim_cur >= need) return 0;
	return sp_fail(err, SP_E_UNSUPPORTED, 0,
	        "the limit of open files is %lu, and %u slot%s %lu; start the service with LimitNOFILE=%lu or more (prlimit "
	        "--nofile=%lu COMMAND)",
	        (unsigned long)now.rlim_cur, slots, slots == 1 ? " takes" : "s take", (unsigned long)need, (unsigned long)need,
	        (unsigned long)need);
}

/* Whether /proc/self/uid_map (or gid_map) has all of first … first + count - 1. Extents may be in any order; they do not overlap. */
static bool mapped(const char *file, uint32_t first, uint32_t count)
{
	FILE *f = fopen(file, "re");
	uint64_t inside = 0, end = (uint64_t)first + count;
	unsigned long from, n;

	if (!f) return true;
	while (fscanf(f, "%lu %*u %lu", &from, &n) == 2) {
		uint64_t lo = from > first ? from : first, hi = from + n < end ? from + n : end;
		if (hi > lo) inside += hi - lo;
	}
	fclose(f);
	return inside >= count;
}

int sp_host_ids(const struct sp_ids *ids, struct sp_err *err)
{
	uint32_t count = ids->kind == SP_IDS_SUBORDINATE ? ids->count - 1 : ids->count;

	if (mapped("/proc/self/uid_map", ids->uid, count) && mapped("/proc/self/gid_map", ids->gid, count)) return 0;
	return sp_fail(err, SP_E_UNSUPPORTED, 0,
	        "the ids %u to %u of the %s do not exist in this user namespace (see /proc/self/uid_map); choose others %s", ids->uid,
	        ids->uid + count - 1, ids->kind == SP_IDS_POLICY ? "policy" : "user",
	        ids->kind == SP_IDS_POLICY ? "by \"ids START COUNT\" in the policy" : "in /etc/subuid and /etc/subgid");
}

/* ---- namespaces */

/* A slot has its launcher and three containers: one that runs, one made ahead, one that the kernel has not quite given up. Of mount namespaces open_tree takes one for each
 * directory of a root while the launcher builds. */
static const struct {
	const char *name;
	unsigned once, a_slot;
} kinds[SP_HOST_NAMESPACES] = {
        {"user", 1, 1}, {"pid", 1, 4}, {"mnt", 1, 24}, {"ipc", 1, 3}, {"uts", 1, 3}, {"net", 1, 1}, {"cgroup", 0, 3}};

void sp_host_read_limits(struct sp_host_limits *l)
{
	char path[64], text[32];

	for (size_t i = 0; i < SP_COUNT(kinds); i++) {
		snprintf(path, sizeof path, "/proc/sys/user/max_%s_namespaces", kinds[i].name);
		l->namespaces[i] = sp_host_line(path, text, sizeof text) ? strtoul(text, NULL, 10) : ULONG_MAX;
	}
}

int sp_host_namespaces(const struct sp_host_limits *l, unsigned slots, struct sp_err *err)
{
	char path[64];

	for (size_t i = 0; i < SP_COUNT(kinds); i++) {
		unsigned long need = kinds[i].once + (unsigned long)kinds[i].a_slot * slots;
		snprintf(path, sizeof path, "/proc/self/ns/%s", kinds[i].name);
		if (access("/proc/self/ns", F_OK) == 0 && access(path, F_OK) < 0)
			return sp_fail(err, SP_E_UNSUPPORTED, 0,
			        "this kernel is built without %s namespaces; boot one that has them (Debian's does)", kinds[i].name);
		if (l->namespaces[i] < need)
			return sp_fail(err, SP_E_UNSUPPORTED, 0,
			        "user.max_%s_namespaces is %lu, and %u slot%s %lu; sysctl -w user.max_%s_namespaces=%lu", kinds[i].name,
			        l->namespaces[i], slots, slots == 1 ? " takes" : "s take", need, kinds[i].name,
			        need > 1024 ? 2 * need : 1024);
	}
	return 0;
}

/* In a chroot(2), which is a root that is not its mount namespace's: that of the namespace's first process is, in all likelihood. */
static bool in_chroot(void)
{
	char own[64] = "", first[64] = "";
	struct stat a, b;

	if (readlink("/proc/self/ns/mnt", own, sizeof own - 1) <= 0 || readlink("/proc/1/ns/mnt", first, sizeof first - 1) <= 0)
		return false;
	if (strcmp(own, first) != 0 || stat("/proc/1/root/.", &a) < 0 || stat("/.", &b) < 0) return false;
	return a.st_dev != b.st_dev || a.st_ino != b.st_ino;
}

int sp_host_why_no_namespaces(int errnum, struct sp_err *err)
{
	char text[16];

	if (errnum == ENOSPC || errnum == EUSERS)
		return sp_fail(err, SP_E_UNSUPPORTED, 0,
		        "no more namespaces may be made here, by a limit that is set further out; raise user.max_user_namespaces and its "
		        "like on "
		        "the host of this container");
	if (errnum == EINVAL)
		return sp_fail(err, SP_E_UNSUPPORTED, 0,
		        "this kernel lacks one of the namespaces user, pid, mnt, ipc, uts, net, cgroup; boot one that has them (Debian's "
		        "does)");
	if (errnum != EPERM && errnum != EACCES) /* memory or processes, for the moment */
		return sp_fail(err, SP_E_UNSUPPORTED, errnum, "new namespaces cannot be made");
	if (!sp_host_is_root() && sp_host_line("/proc/sys/kernel/unprivileged_userns_clone", text, sizeof text) && text[0] == '0')
		return sp_fail(err, SP_E_UNSUPPORTED, 0,
		        "only root may make user namespaces here (kernel.unprivileged_userns_clone is 0); sysctl -w "
		        "kernel.unprivileged_userns_clone=1");
	if (in_chroot())
		return sp_fail(err, SP_E_UNSUPPORTED, 0,
		        "this program runs in a chroot, where no user namespace can be made; start it outside, or in a container");
	return sp_fail(err, SP_E_UNSUPPORTED, 0,
	        "new user namespaces are forbidden here, by a security module or a filter of system calls; start the service without it "
	        "(docker: --security-opt seccomp=unconfined --security-opt apparmor=unconfined)");
}

int sp_host_why_no_keyring(int errnum, struct sp_err *err)
{
	if (errnum == EDQUOT)
		return sp_fail(err, SP_E_UNSUPPORTED, 0,
		        "this user has as many keys as kernel.keys.maxkeys allows, so that the box can have no key ring of its own; sysctl "
		        "-w "
		        "kernel.keys.maxkeys=2000");
	return sp_fail(err, SP_E_UNSUPPORTED, errnum, "the box can have no key ring of its own");
}
