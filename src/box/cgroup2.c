/* SPDX-License-Identifier: MIT */
/*
 * cgroup v2: one hierarchy, and the rule that a group whose children have controllers holds no process itself.
 *
 * So before anything can be made below it, the place that was delegated to the service (systemd: Delegate=yes) must be empty: what is in it, the service
 * and this process, moves to the leaf SELF first. systemd of Debian 12 has no DelegateSubgroup, which would do that for us.
 *
 * For the same reason a slot's group holds no process: its launcher is in keep/, each container in a leaf of its own, entered by birth. The oom killer takes
 * a leaf as a whole (memory.oom.group), init included, and cannot reach the launcher. A leaf is new for each container, since a peak cannot be reset
 * before Linux 6.12; it is made ahead with the container and removed when that is dead.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/attr.h"
#include "box/cgroup_impl.h"

#define SELF "serapis-self"
#define CONTROLLERS "+memory +pids"
/* Where it is to be had: slots are siblings of the same weight then, however many processes are in each. By itself, as it may fail. */
#define CPU_TOO "+cpu"

static const char *const delegated_files[] = {"cgroup.procs", "cgroup.threads", "cgroup.subtree_control", NULL};

/* Which of ours cgroup.controllers or cgroup.subtree_control of `dir` does not name, or NULL. */
static const char *lacking(int dir, const char *file)
{
	char text[512];
	sp_autoclose int fd = openat(dir, file, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 2);
	bool memory = false, pids = false;
	char *save = NULL;

	text[n > 0 ? n : 0] = 0;
	for (char *w = strtok_r(text, " \n", &save); w; w = strtok_r(NULL, " \n", &save)) {
		memory |= strcmp(w, "memory") == 0;
		pids |= strcmp(w, "pids") == 0;
	}
	return !memory ? "memory" : !pids ? "pids" : NULL;
}

/* systemd marks what it leaves to others; a mark further up covers all below it. */
static bool marked_as_delegated(const char *path)
{
	static const char *const marks[] = {"trusted.delegate", "user.delegate"};
	char p[PATH_MAX], value[8];

	snprintf(p, sizeof p, "%s", path);
	for (char *slash; (slash = strrchr(p, '/')) && slash != p; *slash = 0)
		for (size_t i = 0; i < SP_COUNT(marks); i++)
			if (getxattr(p, marks[i], value, sizeof value) == 1 && value[0] == '1') return true;
	return false;
}

static bool is_top(const char *path)
{
	char type[PATH_MAX];
	snprintf(type, sizeof type, "%s/cgroup.type", path); /* every group has it but the one at the very top */
	return access(type, F_OK) < 0;
}

/* Where to make the box's group: our own one if it was left to us. Else, as root, the top of the hierarchy, as container managers do that do not talk to
 * systemd: nothing below systemd's own groups may be touched. */
static int choose_place(struct sp_cgroup_base *b, bool root, struct sp_err *err)
{
	char *path = b->path[SP_CG_MEMORY], top[sizeof b->path[0]];
	size_t n = strlen(path), k = strlen("/" SELF);

	if (n > k && strcmp(path + n - k, "/" SELF) == 0) path[n - k] = 0; /* an earlier box of this service made it */
	if (geteuid() != 0 || root || marked_as_delegated(path)) return 0;
	snprintf(top, sizeof top, "%s", path);
	while (!is_top(top)) {
		char *slash = strrchr(top, '/');
		char parent[sizeof top + 16];
		if (!slash || slash == top) break;
		*slash = 0;
		snprintf(parent, sizeof parent, "%s/cgroup.procs", top);
		if (access(parent, F_OK) < 0) break; /* past the mount: the top is out of sight */
		if (!is_top(top)) continue;
		memcpy(path, top, strlen(top) + 1);
		return 0;
	}
	return sp_fail(err, SP_E_UNSUPPORTED, 0,
	        "the cgroup %s belongs to systemd; start the service from a unit with Delegate=yes, or by systemd-run -p Delegate=yes",
	        path);
}

static int check_place(const char *path, struct sp_err *err)
{
	sp_autoclose int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0) return sp_fail(err, SP_E_UNSUPPORTED, errno, "the cgroup directory %s", path);
	const char *absent = lacking(dir, "cgroup.controllers");
	if (absent && is_top(path)) return sp_cg_fail_absent(absent, err);
	if (absent)
		return sp_fail(err, SP_E_UNSUPPORTED, 0,
		        "the cgroup %s has no controller \"%s\", without which programs cannot be limited; start the service from a unit "
		        "with "
		        "Delegate=yes, or write +%s to cgroup.subtree_control of the groups above it",
		        path, absent, absent);
	if (faccessat(dir, ".", W_OK, AT_EACCESS) < 0 || faccessat(dir, "cgroup.procs", W_OK, AT_EACCESS) < 0 ||
	        faccessat(dir, "cgroup.subtree_control", W_OK, AT_EACCESS) < 0)
		return sp_cg_fail_unwritable(
		        path, errno, "start the service from a unit with Delegate=yes (systemd-run [--user] -p Delegate=yes)", err);
	return 0;
}

int sp_cg2_find(struct sp_cgroup_base *b, struct sp_err *err)
{
	char *path = b->path[SP_CG_MEMORY];
	bool root;

	if (sp_cg_locate(NULL, path, sizeof b->path[0], &root, err) < 0 || choose_place(b, root, err) < 0 || check_place(path, err) < 0) {
		path[0] = 0;
		return -1;
	}
	b->version = 2;
	return 0;
}

static int enable(int dir)
{
	if (sp_cg_write_at(dir, "cgroup.subtree_control", CONTROLLERS) < 0) return -1;
	(void)!sp_cg_write_at(dir, "cgroup.subtree_control", CPU_TOO);
	return 0;
}

/* Everything that is in the place, to SELF. Safe: the place was left to this service, so its processes are the service's. */
static void move_all(int place, int procs)
{
	char text[16384], *save = NULL;
	sp_autoclose int list = openat(place, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	ssize_t n = list < 0 ? -1 : read(list, text, sizeof text - 1);

	text[n > 0 ? n : 0] = 0;
	for (char *pid = strtok_r(text, "\n", &save); pid; pid = strtok_r(NULL, "\n", &save))
		(void)!sp_cg_write(procs, pid); /* it may have ended; what is left shows in the next try */
}

int sp_cg2_clear_place(struct sp_cgroup_base *b, struct sp_err *err)
{
	int place = b->parent[SP_CG_MEMORY];
	const char *path = b->path[SP_CG_MEMORY];

	if (!lacking(place, "cgroup.subtree_control") && enable(place) == 0) return 0;
	if (is_top(path)) { /* the rule does not hold there */
		if (enable(place) == 0) return 0;
		return sp_fail(err, SP_E_UNSUPPORTED, errno, "enabling the controllers memory and pids in %s", path);
	}
	if (mkdirat(place, SELF, 0755) < 0 && errno != EEXIST) return sp_fail(err, SP_E_UNSUPPORTED, errno, "making %s/" SELF, path);
	sp_autoclose int procs = openat(place, SELF "/cgroup.procs", O_WRONLY | O_CLOEXEC);
	if (procs < 0) return sp_fail(err, SP_E_IO, errno, "%s/" SELF "/cgroup.procs", path);
	for (int tries = 0; tries < 50; tries++) { /* processes may be forked while we move them */
		move_all(place, procs);
		if (enable(place) == 0) return 0;
		if (errno != EBUSY) break;
	}
	return sp_fail(err, SP_E_UNSUPPORTED, errno, "enabling the controllers memory and pids below %s", path);
}

int sp_cg2_make_box(struct sp_cgroup_base *b, uid_t uid, gid_t gid, struct sp_err *err)
{
	int dir = b->dir[SP_CG_MEMORY];
	if (enable(dir) < 0)
		return sp_fail(err, SP_E_UNSUPPORTED, errno, "enabling the controllers memory and pids in %s/%s", b->path[0], b->id);
	if (mkdirat(dir, "box", 0755) < 0) return sp_fail(err, SP_E_IO, errno, "making %s/%s/box", b->path[0], b->id);
	if (sp_cg_give(dir, delegated_files, uid, gid) < 0)
		return sp_fail(err, SP_E_IO, errno, "giving %s/%s to the box", b->path[0], b->id);
	return 0;
}

/* Writable for the box's group: without root the stub has no other right to remove what a slot that died has left in there. */
int sp_cg2_slot_make(int dir, const char *name, unsigned owner, int *home)
{
	if (mkdirat(dir, name, 0755) < 0) return -1;
	sp_autoclose int slot = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (slot < 0 || sp_cg_write_at(slot, "cgroup.subtree_control", CONTROLLERS) < 0 || mkdirat(slot, "keep", 0755) < 0 ||
	        fchmod(slot, 0775) < 0 || sp_cg_give(slot, delegated_files, owner, 0) < 0)
		return -1;
	*home = openat(slot, "keep", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return *home < 0 ? -1 : 0;
}

static void leaf_name(char out[16], unsigned n) { snprintf(out, 16, "r%u", n); }

static void close_all(struct sp_cgroup *cg)
{
	int *const fds[] = {&cg->usage, &cg->limit, &cg->peak, &cg->oom, &cg->cpu, &cg->pids_max, &cg->pids_events, &cg->dir};
	for (size_t i = 0; i < SP_COUNT(fds); i++)
		if (*fds[i] >= 0) close(sp_steal_fd(fds[i]));
}

int sp_cg2_make(struct sp_cgroup_slot *s, struct sp_cgroup *cg)
{
	char name[16];
	const struct {
		int *fd;
		const char *file;
		int flags;
		bool optional;
	} files[] = {
	        {&cg->usage, "memory.current", O_RDONLY, false},
	        {&cg->limit, "memory.max", O_WRONLY, false},
	        {&cg->peak, "memory.peak", O_RDONLY, true}, /* since Linux 5.19 */
	        {&cg->oom, "memory.events", O_RDONLY, false},
	        {&cg->cpu, "cpu.stat", O_RDONLY, false},
	        {&cg->pids_max, "pids.max", O_WRONLY, false},
	        {&cg->pids_events, "pids.events", O_RDONLY, false},
	};

	cg->name = s->next++;
	leaf_name(name, cg->name);
	if (mkdirat(s->dir, name, 0755) < 0) return -1;
	cg->dir = openat(s->dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	bool fine = cg->dir >= 0;
	for (size_t i = 0; fine && i < SP_COUNT(files); i++) {
		*files[i].fd = openat(cg->dir, files[i].file, files[i].flags | O_CLOEXEC);
		fine = *files[i].fd >= 0 || files[i].optional;
	}
	/* The oom killer's choice is the run as a whole. No swap: the limit is one of memory; the file is absent without swap accounting. */
	fine = fine && sp_cg_write_at(cg->dir, "memory.oom.group", "1") == 0 &&
	       (sp_cg_write_at(cg->dir, "memory.swap.max", "0") == 0 || errno == ENOENT);
	if (fine) return 0;
	int why = errno;
	close_all(cg);
	unlinkat(s->dir, name, AT_REMOVEDIR);
	errno = why;
	return -1;
}

int sp_cg2_unmake(struct sp_cgroup_slot *s, struct sp_cgroup *cg)
{
	char name[16], bytes[24];
	if (cg->dir < 0) return 0;
	/* Cached files that the run was the first to read would keep the group in the kernel's memory, without a name, for as long as they stay cached.
	 * Since Linux 5.19; what cannot be reclaimed is no error. */
	snprintf(bytes, sizeof bytes, "%llu", (unsigned long long)sp_cgroup_usage(cg));
	if (bytes[0] != '0') (void)!sp_cg_write_at(cg->dir, "memory.reclaim", bytes);
	close_all(cg);
	leaf_name(name, cg->name);
	return unlinkat(s->dir, name, AT_REMOVEDIR);
}
