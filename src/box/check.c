/* SPDX-License-Identifier: MIT */
#include "box/check.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "base/attr.h"
#include "box/box.h"
#include "box/cgroup.h"
#include "box/container.h"
#include "box/host.h"
#include "box/ids.h"
#include "box/policy.h"
#include "box/sys.h"

/* The service's defaults for one program, by which the room for all slots is judged. */
#define USUAL_PROCESSES 64
#define USUAL_MEMORY (UINT64_C(256) << 20)

static bool all_there;

static void line(const char *kind, const char *what, const char *fmt, va_list ap) __attribute__((format(printf, 3, 0)));
static void line(const char *kind, const char *what, const char *fmt, va_list ap)
{
	char text[1024];
	vsnprintf(text, sizeof text, fmt, ap);
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < ' ') *c = '?'; /* names of files may hold anything, and this is one line */
	printf("%-*s%-*s%s\n", SP_CHECK_KIND_WIDTH, kind, SP_CHECK_NAME_WIDTH, what, text);
}

static void note(const char *what, const char *fmt, ...) SP_PRINTF(2, 3);
static void note(const char *what, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	line("note", what, fmt, ap);
	va_end(ap);
}

static void missing(const char *what, const char *fmt, ...) SP_PRINTF(2, 3);
static void missing(const char *what, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	line("missing", what, fmt, ap);
	va_end(ap);
	all_there = false;
}

/* What a check that gave rc has to say; fmt is for when all is well. Returns whether it is. */
static bool told(int rc, const struct sp_err *err, const char *what, const char *fmt, ...) SP_PRINTF(4, 5);
static bool told(int rc, const struct sp_err *err, const char *what, const char *fmt, ...)
{
	va_list ap;
	if (rc < 0) {
		missing(what, "%s", err->msg);
		return false;
	}
	va_start(ap, fmt);
	line("ok", what, fmt, ap);
	va_end(ap);
	return true;
}

/* ---- ids */

static void check_ids(struct sp_ids *ids, const struct sp_policy *p, unsigned slots)
{
	struct sp_err err;

	if (ids->kind != SP_IDS_SINGLE) {
		told(sp_host_ids(ids, &err), &err, "ids", "%u to %u%s", ids->uid,
		        ids->uid + ids->count - (ids->kind == SP_IDS_POLICY ? 1 : 2), ids->kind == SP_IDS_POLICY ? "" : ", of /etc/subuid");
		return;
	}
	if (slots > 1 && !p->unsafe_rootless)
		missing("ids",
		        "%u slots would all have the same user id, so that programs could reach each other (one slot can be had): %s",
		        slots, ids->why);
	else
		note("ids", "one id for everything, %s: %s",
		        slots > 1 ? "and several slots by the policy's unsafe_rootless" : "hence one slot", ids->why);
	if (getgroups(0, NULL) > 1)
		note("ids", "programs keep the rights of this user's %d groups; start the service as root", getgroups(0, NULL));
}

/* ---- namespaces */

/* What the box does first, in a child that ends at once. */
enum step { STEP_DONE, STEP_MAPS, STEP_PRIVATE, STEP_PROC };
struct trial {
	enum step failed;
	int errnum;
};

static void fail_at(struct trial *t, enum step step)
{
	t->failed = step;
	t->errnum = errno;
	_exit(0);
}

static void SP_NORETURN try_as_box(struct trial *t, int go)
{
	char byte;
	if (read(go, &byte, 1) != 1) _exit(0);
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) fail_at(t, STEP_PRIVATE);
	if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, "hidepid=invisible") < 0) fail_at(t, STEP_PROC);
	t->failed = STEP_DONE;
	_exit(0);
}

/* ids: as found; become one id if the host's newuidmap refuses the others. False: what follows cannot be told. */
static bool try_namespaces(struct sp_ids *ids, struct trial *t, struct sp_err *err)
{
	int go[2];

	t->failed = STEP_MAPS;
	if (pipe2(go, O_CLOEXEC) < 0) return sp_fail(err, SP_E_IO, errno, "making a pipe"), false;
	pid_t pid = sp_sys_clone(
	        CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET | CLONE_NEWCGROUP, NULL, -1);
	if (pid == 0) {
		close(go[1]);
		try_as_box(t, go[0]);
	}
	int why = errno;
	close(go[0]);
	if (pid < 0) sp_host_why_no_namespaces(why, err);
	bool mapped = pid > 0 && sp_ids_write(ids, pid, err) == 0;
	if (mapped && write(go[1], "", 1) != 1) mapped = false;
	close(go[1]);
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return mapped;
}

static void check_namespaces(struct sp_ids *ids, unsigned slots)
{
	struct sp_host_limits limits;
	struct sp_err err;

	sp_host_read_limits(&limits);
	if (!told(sp_host_namespaces(&limits, slots, &err), &err, "namespaces", "user, pid, mnt, ipc, uts, net, cgroup, for %u slot%s",
	            slots, slots == 1 ? "" : "s"))
		return;
	struct trial *t = mmap(NULL, sizeof *t, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (t == MAP_FAILED) return;
	if (!try_namespaces(ids, t, &err))
		missing("namespaces", "%s", err.msg);
	else if (t->failed == STEP_PRIVATE)
		told(sp_host_why_no_mount("a private tree", t->errnum, &err), &err, "mounts", "-");
	else if (t->failed != STEP_MAPS)
		told(t->failed == STEP_PROC ? sp_host_why_no_proc(t->errnum, &err) : 0, &err, "proc", "a fresh one can be mounted");
	munmap(t, sizeof *t);
}

/* ---- cgroups */

static uint64_t number_in(const char *dir, const char *file)
{
	char path[640], text[32];
	snprintf(path, sizeof path, "%s/%s", dir, file);
	if (!sp_host_line(path, text, sizeof text) || text[0] < '0' || text[0] > '9') return UINT64_MAX; /* "max", or no such file */
	return strtoull(text, NULL, 10);
}

/* The smallest of what a file of this name says in our own group and in those above it that can be seen. */
static uint64_t least_above(const char *path, const char *file)
{
	char dir[512];
	uint64_t least = UINT64_MAX;

	snprintf(dir, sizeof dir, "%s", path);
	for (char *slash; (slash = strrchr(dir, '/')) && slash != dir && strlen(dir) > strlen("/sys/fs/cgroup"); *slash = 0) {
		uint64_t n = number_in(dir, file);
		if (n < least) least = n;
	}
	return least;
}

/* Programs are swapped out if the host has swap, and the slots' groups have no file to keep them from it (cgroup1.c, cgroup2.c). */
static void check_swap(const struct sp_cgroup_base *cg)
{
	static const char *const files[] = {"memory.swappiness", "memory.swap.max"};
	char text[256], path[640];
	FILE *f = fopen("/proc/swaps", "re");
	bool swaps = f && fgets(text, sizeof text, f) && fgets(text, sizeof text, f);

	if (f) fclose(f);
	snprintf(path, sizeof path, "%s/%s", cg->path[SP_CG_MEMORY], files[cg->version - 1]);
	/* The hierarchy's top has no limits, hence no file. */
	if (!swaps || access(path, F_OK) == 0 || (cg->version == 2 && number_in(cg->path[SP_CG_MEMORY], "memory.max") == UINT64_MAX))
		return;
	note("swap",
	        "this host swaps, and its kernel does not count swap by cgroup, so programs get more than their memory limit; boot with "
	        "swapaccount=1, or swapoff -a");
}

/* Of version 1: moving a process into a group waits for the kernel (box-rules.md 27). */
static void check_favordynmods(const struct sp_cgroup_base *cg)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char *text = NULL;
	size_t cap = 0;
	bool has = false;

	while (f && getline(&text, &cap, f) > 0) has |= strstr(text, " - cgroup ") && strstr(text, "favordynmods");
	free(text);
	if (f) fclose(f);
	if (!has && cg->version == 1 && sp_host_kernel_is(6, 0))
		note("cgroups",
		        "mounted without favordynmods: building a slot waits some milliseconds for the kernel, running a program does not; "
		        "where slots are built often, mount them with it, which makes every fork of this machine dearer");
}

static void check_cgroups(bool root, unsigned slots)
{
	struct sp_cgroup_base cg;
	struct sp_err err;
	uint64_t tasks, memory;

	if (sp_cgroup_find(&cg, &err) < 0) {
		if (root)
			missing("cgroups", "%s", err.msg);
		else
			note("cgroups", "limits of memory, processes and cpu time are not enforced: %s", err.msg);
		return;
	}
	told(0, NULL, "cgroups", "v%u; memory at %s", cg.version, cg.path[SP_CG_MEMORY]);
	if (cg.version == 1 && !cg.path[SP_CG_CPU][0])
		note("cgroups",
		        "no controller \"cpu\": a program of many processes takes processor time from those in other slots; mkdir -p "
		        "/sys/fs/cgroup/cpu && mount -t cgroup -o cpu cgroup /sys/fs/cgroup/cpu");
	if (cg.version == 2 && !sp_host_kernel_is(5, 19))
		note("cgroups", "peak memory is what is in use at a program's end, as memory.peak needs Linux 5.19; boot that or later");
	tasks = least_above(cg.path[cg.version == 1 ? SP_CG_PIDS : SP_CG_MEMORY], "pids.max");
	if (tasks < (uint64_t)slots * USUAL_PROCESSES)
		note("cgroups",
		        "this service's cgroup may have %llu tasks, and %u slots of %d processes take more; raise pids.max (systemd: "
		        "TasksMax=)",
		        (unsigned long long)tasks, slots, USUAL_PROCESSES);
	memory = least_above(cg.path[SP_CG_MEMORY], cg.version == 1 ? "memory.limit_in_bytes" : "memory.max");
	if (memory < slots * USUAL_MEMORY)
		note("cgroups",
		        "this service's cgroup may use %llu MiB, and %u slots of %llu MiB take more, so one program can end another; raise "
		        "its "
		        "limit (systemd: MemoryMax=), or have fewer slots",
		        (unsigned long long)(memory >> 20), slots, (unsigned long long)(USUAL_MEMORY >> 20));
	check_swap(&cg);
	check_favordynmods(&cg);
}

/* ---- what slots share */

/* What a slot takes is charged to who starts us as well, so that slots together have no more than he may (box-rules.md 11). */
static void check_shared_limits(unsigned slots)
{
	static const struct {
		int what;
		rlim_t each;
		const char *name, *option, *of;
	} limits[] = {{RLIMIT_SIGPENDING, 256, "sigpending", "LimitSIGPENDING", "queued signals"},
	        {RLIMIT_MEMLOCK, 64 << 10, "memlock", "LimitMEMLOCK", "bytes of locked memory"},
	        {RLIMIT_NPROC, USUAL_PROCESSES, "nproc", "LimitNPROC", "processes"}};
	struct rlimit now;
	char text[32];

	for (size_t i = 0; i < SP_COUNT(limits); i++) {
		rlim_t need = limits[i].each * slots;
		if (getrlimit(limits[i].what, &now) < 0 || now.rlim_cur >= need) continue;
		note("limits", "slots share %lu %s, and %u would use %lu; start the service with %s=%lu (prlimit --%s=%lu COMMAND)",
		        (unsigned long)now.rlim_cur, limits[i].of, slots, (unsigned long)need, limits[i].option, (unsigned long)need,
		        limits[i].name, (unsigned long)need);
	}
	if (!sp_host_line("/proc/sys/fs/inotify/max_user_instances", text, sizeof text)) return;
	unsigned long all = strtoul(text, NULL, 10);
	if (all / 2 < (unsigned long)slots * SP_BOX_SLOT_INOTIFY)
		note("inotify",
		        "slots share %lu instances, half of what this host allows, and %u would use %lu; sysctl -w "
		        "fs.inotify.max_user_instances=%lu",
		        all / 2, slots, (unsigned long)slots * SP_BOX_SLOT_INOTIFY, 2UL * slots * SP_BOX_SLOT_INOTIFY);
}

static void check_core(void)
{
	struct sp_err err;
	char text[256];

	if (sp_host_core(&err) < 0) {
		missing("core dumps", "%s", err.msg);
	} else if (sp_host_line("/proc/sys/kernel/core_pattern", text, sizeof text) && (text[0] == '|' || text[0] == '@')) {
		/* Such a handler runs as the host's root on memory that a program made. The box stops that by RLIMIT_CORE 1 (core(5)); worth knowing all the same. */
		note("core dumps",
		        "those of the host go to a program (%.100s), which programs in the box are kept from; sysctl -w "
		        "kernel.core_pattern=core "
		        "if nothing needs it",
		        text);
	}
}

static void tell_mount(const char *point) { note("host root", "%s is a mount of its own and is shown to programs, read-only", point); }

static void check_host_root(const struct sp_policy *p)
{
	struct sp_err err;

	bool fine = told(sp_host_directories(p, &err), &err, "directories", "can be reached by everybody");
	if (sp_host_devices(&err) < 0) missing("devices", "%s", err.msg);
	if (!fine) return;
	if (sp_host_sockets(false, &err) == 0)
		told(0, NULL, "host root", "no sockets and no named pipes below /usr");
	else if (p->host_sockets)
		note("host root", "allowed by the policy's host_sockets: %s", err.msg);
	else
		missing("host root", "%s", err.msg);
	sp_host_mounts_below_usr(tell_mount);
}

int sp_box_check(const char *policy_file, unsigned slots)
{
	static struct sp_policy policy;
	struct utsname u = {0};
	struct sp_ids ids;
	struct sp_err err;

	all_there = true;
	uname(&u);
	bool root = sp_host_is_root();
	told(0, NULL, "root", "%s", root ? "started as root" : "started without root; what that costs is told below");
	bool able = told(sp_host_calls(&err), &err, "kernel", "%s", u.release);
	if (root) able &= told(sp_host_capabilities(&err), &err, "capabilities", "chown, dac_override, setgid, setuid");
	if (!sp_seccomp_present()) missing("seccomp", "this build of serapis-box has no filter of system calls; build it anew");
	check_core();
	told(sp_host_open_files(slots, &err), &err, "open files", "enough for %u slot%s", slots, slots == 1 ? "" : "s");
	bool readable = sp_policy_load(&policy, policy_file, &err) == 0;
	told(readable ? 0 : -1, &err, "policy", "%u root%s, at most %u slots", policy.nroots, policy.nroots == 1 ? "" : "s",
	        policy.slots_max);
	/* What does not depend on it is looked at all the same. */
	if (!readable && sp_policy_parse(&policy, "", "", &err) < 0) return 1;
	if (readable && slots > policy.slots_max)
		missing("policy", "%u slots: the policy allows 1 to %u; set slots to what it allows, or raise its slots_max", slots,
		        policy.slots_max);
	if (readable && root && sp_policy_check_ids(&policy, &err) < 0) missing("ids", "%s", err.msg);
	sp_ids_find(&ids, &policy);
	/* What is missing so far would only show again in what they cannot do. */
	if (able && sp_host_ids(&ids, &err) == 0) check_namespaces(&ids, slots);
	if (readable) check_ids(&ids, &policy, slots);
	check_cgroups(root, slots);
	check_shared_limits(slots);
	check_host_root(&policy);
	return all_there ? 0 : 1;
}
