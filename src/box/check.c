/* SPDX-License-Identifier: MIT */
#include "box/check.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "base/attr.h"
#include "box/box.h"
#include "box/cgroup.h"
#include "box/container.h"
#include "box/ids.h"
#include "box/policy.h"
#include "box/sys.h"

static bool all_there;

static void say(bool ok, const char *what, const char *fmt, ...) SP_PRINTF(3, 4);
static void say(bool ok, const char *what, const char *fmt, ...)
{
	va_list ap;
	printf("%-8s%-18s", ok ? "ok" : "missing", what);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	all_there &= ok;
}

static void note(const char *what, const char *fmt, ...) SP_PRINTF(2, 3);
static void note(const char *what, const char *fmt, ...)
{
	va_list ap;
	printf("%-8s%-18s", "note", what);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

static void check_ids(const struct sp_policy *file)
{
	struct sp_policy p = *file;
	struct sp_ids ids;

	sp_ids_find(&ids, &p);
	sp_ids_fit_policy(&ids, p.unsafe_rootless, &p);
	say(true, "policy", "%u roots, at most %u slots", p.nroots, p.slots_max);
	if (ids.kind == SP_IDS_SINGLE)
		note("ids", "one id for everything, %s: %s",
		        p.unsafe_rootless ? "and several slots by the policy's unsafe_rootless" : "hence one slot", ids.why);
	else
		say(true, "ids", "%u to %u%s", ids.uid, ids.uid + ids.count - (ids.kind == SP_IDS_POLICY ? 1 : 2),
		        ids.kind == SP_IDS_POLICY ? "" : ", of /etc/subuid");
}

static bool read_line(const char *path, char *out, size_t size)
{
	FILE *f = fopen(path, "re");
	bool ok = f && fgets(out, (int)size, f);
	if (f) fclose(f);
	if (ok) out[strcspn(out, "\n")] = 0;
	return ok;
}

static bool is_at_least(int major, int minor)
{
	struct utsname u;
	int is[2] = {0, 0};
	if (uname(&u) == 0) (void)!sscanf(u.release, "%d.%d", &is[0], &is[1]);
	return is[0] > major || (is[0] == major && is[1] >= minor);
}

static void check_kernel(void)
{
	struct utsname u = {0};
	bool ok = is_at_least(5, 12);
	uname(&u);
	say(ok, "kernel", "%s%s", u.release, ok ? "" : ": needs 5.12 or later, for mount_setattr");
}

/* The namespaces that the box and a container take, and a fresh proc, tried in a child that ends at once. */
static void check_namespaces(void)
{
	pid_t pid = sp_sys_clone(
	        CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET | CLONE_NEWCGROUP, NULL, -1);
	if (pid == 0) {
		if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) _exit(2);
		_exit(mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, "hidepid=invisible") < 0 ? 3 : 0);
	}
	int why = errno, status = 0;
	if (pid < 0) {
		say(false, "namespaces", "%s: allow user namespaces (user.max_user_namespaces, kernel.unprivileged_userns_clone)",
		        strerrordesc_np(why));
		return;
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	bool mounts = WIFEXITED(status) && WEXITSTATUS(status) != 2;
	say(mounts, "namespaces",
	        mounts ? "user, pid, mnt, ipc, uts, net, cgroup"
	               : "mounts are refused in a new user namespace: an LSM profile confines it");
	bool proc = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	say(proc, "proc",
	        proc ? "a fresh one can be mounted"
	             : "a fresh one cannot be mounted; in a container give it an unmasked /proc (docker: --security-opt "
	               "systempaths=unconfined, kubernetes: "
	               "procMount: Unmasked)");
}

#define LIKELY_MAX 20000 /* entries; some 30 ms when they are in memory */

static unsigned odd_files, seen_files, seen_max = UINT_MAX;
static char odd_first[256];

static int look_for_odd(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	if (++seen_files > seen_max) return 1;
	if (!S_ISSOCK(st->st_mode) && !S_ISFIFO(st->st_mode)) return 0;
	if (!odd_files++) snprintf(odd_first, sizeof odd_first, "%s", path);
	return 0;
}

int sp_box_check_likely(struct sp_err *err)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char *line = NULL, point[512];
	size_t cap = 0;

	seen_max = LIKELY_MAX;
	nftw("/usr/local", look_for_odd, 16, FTW_PHYS);
	while (f && getline(&line, &cap, f) > 0)
		if (sscanf(line, "%*s %*s %*s %*s %511s", point) == 1 && strncmp(point, "/usr/", 5) == 0)
			nftw(point, look_for_odd, 16, FTW_PHYS);
	free(line);
	if (f) fclose(f);
	if (!odd_files) return 0;
	return sp_fail(err, SP_E_UNSUPPORTED, 0,
	        "programs could talk to the host through %s, a socket or named pipe below /usr: move it to /run, or write \"host_sockets "
	        "allow\" into "
	        "the policy",
	        odd_first);
}

/* Read-only mounts do not stop connect() to a socket or a write to a pipe. */
static void check_host_root(void)
{
	static const char *const tops[] = {"/usr", "/bin", "/sbin", "/lib", "/etc/ssl/certs", "/etc/alternatives", "/etc/ld.so.conf.d"};
	for (size_t i = 0; i < SP_COUNT(tops); i++) nftw(tops[i], look_for_odd, 16, FTW_PHYS);
	if (odd_files)
		say(false, "host root", "%u sockets or named pipes would be visible to programs, the first is %s: move them to /run",
		        odd_files, odd_first);
	else
		say(true, "host root", "no sockets and no named pipes below /usr");

	FILE *f = fopen("/proc/self/mountinfo", "re");
	char *line = NULL, point[512];
	size_t cap = 0;
	while (f && getline(&line, &cap, f) > 0)
		if (sscanf(line, "%*s %*s %*s %*s %511s", point) == 1 && strncmp(point, "/usr/", 5) == 0)
			printf("%-8s%-18s%s is a mount of its own and is shown to programs, read-only\n", "note", "host root", point);
	free(line);
	if (f) fclose(f);
}

int sp_box_check(const char *policy_file)
{
	struct sp_cgroup_base cg;
	static struct sp_policy policy;
	struct sp_err err;
	char text[256];

	all_there = true;
	bool root = geteuid() == 0;
	say(true, "root", "%s", root ? "started as root" : "started without root; what that costs is told below");
	check_kernel();
	if (sp_policy_load(&policy, policy_file, &err) < 0 || (root && sp_policy_check_ids(&policy, &err) < 0))
		say(false, "policy", "%s", err.msg);
	else
		check_ids(&policy);
	if (sp_cgroup_find(&cg, &err) == 0)
		say(true, "cgroups", "v%u; memory at %s", cg.version, cg.path[SP_CG_MEMORY]);
	else if (root)
		say(false, "cgroups", "%s", err.msg);
	else
		note("cgroups", "limits of memory, processes and cpu time are not enforced: %s", err.msg);
	if (cg.version == 1 && !cg.path[SP_CG_CPU][0])
		note("cgroups", "no controller \"cpu\": a program of many processes takes processor time from those in other slots");
	if (cg.version == 2 && !is_at_least(5, 19))
		printf("%-8s%-18speak memory is what is in use at a program's end: memory.peak needs Linux 5.19\n", "note", "cgroups");
	check_namespaces();
	say(sp_seccomp_present(), "seccomp", "%s", sp_seccomp_present() ? "filter built in" : "this build has no filter");
	check_host_root();
	unsigned long half =
	        read_line("/proc/sys/fs/inotify/max_user_instances", text, sizeof text) ? strtoul(text, NULL, 10) / 2 : ULONG_MAX;
	if (half / SP_BOX_SLOT_INOTIFY < policy.slots_max)
		printf("%-8s%-18sslots share %lu instances, half of fs.inotify.max_user_instances: over %lu slots each gets fewer than "
		       "%d\n",
		        "note", "inotify", half, half / SP_BOX_SLOT_INOTIFY, SP_BOX_SLOT_INOTIFY);
	/* Such a handler runs as the host's root on memory that a program made. The box stops that by RLIMIT_CORE 1 (core(5)); worth knowing all the same. */
	if (read_line("/proc/sys/kernel/core_pattern", text, sizeof text) && (text[0] == '|' || text[0] == '@'))
		printf("%-8s%-18score dumps of the host go to a program (%.100s); programs in the box make none\n", "note", "core_pattern",
		        text);
	return all_there ? 0 : 1;
}
