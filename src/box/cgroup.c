/* SPDX-License-Identifier: MIT */
/*
 * What the versions have in common.
 *
 * serapis-box-<id> is made below the box's own cgroup, so that a limit that somebody has set for the service holds for the runs too. It belongs to the
 * box's root id; what the slots need below it is made without any privilege over the host.
 *
 * Which directories are stale is told by a flock on each: the stub and the box hold it as long as one of them lives, in whatever pid namespace; a pid in
 * the name could not say so. Each controller's own, since a stub that is killed while it removes leaves some and not others. The memory controller's parent
 * is locked while a box cleans and makes, so that a directory is never seen before its lock.
 */
#include "box/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/attr.h"
#include "box/cgroup_impl.h"

#define DEPTH_MAX 3 /* serapis-box-x / s0-0 / r1 */

/* ---- control files */

int sp_cg_write(int fd, const char *text)
{
	size_t n = strlen(text);
	return pwrite(fd, text, n, 0) == (ssize_t)n ? 0 : -1;
}

int sp_cg_write_at(int dir, const char *file, const char *text)
{
	sp_autoclose int fd = openat(dir, file, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -1 : sp_cg_write(fd, text);
}

int sp_cg_write_number(int fd, uint64_t v, const char *unlimited)
{
	char s[24];
	snprintf(s, sizeof s, "%" PRIu64, v);
	return sp_cg_write(fd, v == UINT64_MAX ? unlimited : s);
}

static size_t read_text(int fd, char *out, size_t size)
{
	ssize_t n = fd < 0 ? -1 : pread(fd, out, size - 1, 0);
	out[n > 0 ? n : 0] = 0;
	return n > 0 ? (size_t)n : 0;
}

uint64_t sp_cg_read_number(int fd)
{
	char s[32];
	return read_text(fd, s, sizeof s) ? strtoull(s, NULL, 10) : 0;
}

static uint64_t keyed(const char *text, const char *key)
{
	size_t n = strlen(key);
	for (const char *line = text; line; line = strchr(line, '\n')) {
		if (*line == '\n') line++;
		if (strncmp(line, key, n) == 0 && line[n] == ' ') return strtoull(line + n + 1, NULL, 10);
	}
	return 0;
}

uint64_t sp_cg_read_keyed(int fd, const char *key)
{
	char s[512];
	return read_text(fd, s, sizeof s) ? keyed(s, key) : 0;
}

int sp_cg_give(int dir, const char *const *files, uid_t uid, gid_t gid)
{
	/* Safe: the directory was made by us a moment ago and holds no task; its owner can make groups below it and move own processes into them, but not
	 * lift a limit that holds above. Its own limit files stay ours. */
	if (fchown(dir, uid, gid) < 0) return -1;
	for (; *files; files++)
		if (fchownat(dir, *files, uid, gid, AT_SYMLINK_NOFOLLOW) < 0) return -1;
	return 0;
}

void sp_cg_slot_name(char out[48], unsigned slot, unsigned generation) { snprintf(out, 48, "s%u-%u", slot, generation); }

/* ---- where */

static bool list_has(const char *list, const char *word)
{
	size_t n = strlen(word);
	for (const char *p = list; (p = strstr(p, word)); p += n)
		if ((p == list || p[-1] == ',') && (p[n] == ',' || p[n] == 0)) return true;
	return false;
}

/* The path in /proc/self/cgroup ("5:cpu,cpuacct:/x", or "0::/x" for version 2), or false. */
static bool own_path(const char *controller, char *out, size_t size)
{
	FILE *f = fopen("/proc/self/cgroup", "re");
	char line[PATH_MAX + 128];
	bool found = false;

	while (f && !found && fgets(line, sizeof line, f)) {
		char *list = strchr(line, ':'), *path = list ? strchr(list + 1, ':') : NULL;
		if (!path) continue;
		*path++ = 0;
		path[strcspn(path, "\n")] = 0;
		bool ours = controller ? list_has(list + 1, controller) : strcmp(line, "0:") == 0;
		found = ours && (size_t)snprintf(out, size, "%s", path) < size;
	}
	if (f) fclose(f);
	return found;
}

/* Where the hierarchy is mounted and which of its directories that mount shows; field 4, 5 and the options after " - " of mountinfo. */
static bool mount_of(const char *controller, char *root, char *point, size_t size)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char *line = NULL;
	size_t cap = 0;
	bool found = false;

	while (f && !found && getline(&line, &cap, f) > 0) {
		char r[PATH_MAX], p[PATH_MAX], type[64], opts[512];
		char *tail = strstr(line, " - ");
		if (!tail || sscanf(line, "%*s %*s %*s %4095s %4095s", r, p) != 2 || sscanf(tail, " - %63s %*s %511s", type, opts) != 2)
			continue;
		if (strcmp(type, controller ? "cgroup" : "cgroup2") != 0 || (controller && !list_has(opts, controller))) continue;
		found = (size_t)snprintf(root, size, "%s", r) < size && (size_t)snprintf(point, size, "%s", p) < size;
	}
	free(line);
	if (f) fclose(f);
	return found;
}

/* /proc/cgroups: "name hierarchy groups enabled". 1: it is built in and switched on, 0: switched off at boot, -1: not built in. */
static int built_in(const char *controller)
{
	FILE *f = fopen("/proc/cgroups", "re");
	char line[128], name[64];
	int enabled, found = -1;

	while (f && found < 0 && fgets(line, sizeof line, f))
		if (sscanf(line, "%63s %*s %*s %d", name, &enabled) == 2 && strcmp(name, controller) == 0) found = enabled == 1;
	if (f) fclose(f);
	return found;
}

int sp_cg_fail_absent(const char *controller, struct sp_err *err)
{
	int there = built_in(controller);
	if (there == 0)
		return sp_fail(err, SP_E_UNSUPPORTED, 0,
		        "the cgroup controller \"%s\", without which programs cannot be limited, was switched off at boot; take "
		        "cgroup_disable=%s off "
		        "the kernel's command line (some boards need cgroup_enable=%s instead)",
		        controller, controller, controller);
	if (there < 0)
		return sp_fail(err, SP_E_UNSUPPORTED, 0,
		        "this kernel has no cgroup controller \"%s\", without which programs cannot be limited; boot Debian's, without "
		        "cgroup_disable=%s",
		        controller, controller);
	return sp_fail(err, SP_E_UNSUPPORTED, 0,
	        "the cgroup controller \"%s\", without which programs cannot be limited, is mounted nowhere; mkdir -p /sys/fs/cgroup/%s && "
	        "mount "
	        "-t cgroup -o %s cgroup /sys/fs/cgroup/%s",
	        controller, controller, controller, controller);
}

int sp_cg_fail_unwritable(const char *path, int errnum, const char *who, struct sp_err *err)
{
	if (errnum == EROFS)
		return sp_fail(err, SP_E_UNSUPPORTED, 0,
		        "the cgroups at %s are mounted read-only; mount them read-write (docker: --cgroupns=host -v "
		        "/sys/fs/cgroup:/sys/fs/cgroup:rw)",
		        path);
	return sp_fail(err, SP_E_UNSUPPORTED, 0, "the cgroup %s may not be written to by this user; %s", path, who);
}

int sp_cg_locate(const char *controller, char *out, size_t size, bool *root, struct sp_err *err)
{
	char own[384], top[384], point[384];
	const char *called = controller ? controller : "cgroup v2";

	if (!own_path(controller, own, sizeof own) || !mount_of(controller, top, point, sizeof top)) {
		if (controller) return sp_cg_fail_absent(controller, err);
		return sp_fail(err, SP_E_UNSUPPORTED, 0,
		        "there are no cgroups here, without which programs cannot be limited; mount -t cgroup2 cgroup2 /sys/fs/cgroup");
	}
	/* The mount shows the hierarchy from `top` on; in a container that is usually the path of our own cgroup, or one above it. */
	const char *below = own;
	size_t n = strlen(top);
	if (strcmp(top, "/") != 0) {
		if (strncmp(own, top, n) != 0 || (own[n] && own[n] != '/'))
			return sp_fail(err, SP_E_UNSUPPORTED, 0,
			        "the cgroup %s of %s is not to be seen below %s; start this container with a cgroup namespace of its own "
			        "(docker: "
			        "--cgroupns=private), or mount that hierarchy whole",
			        own, called, point);
		below = own + n;
	}
	*root = strcmp(below, "/") == 0 || !*below;
	if ((size_t)snprintf(out, size, "%s%s", point, *root ? "" : below) >= size)
		return sp_fail(err, SP_E_LIMIT, 0, "the path of %s is too long", called);
	return 0;
}

int sp_cgroup_find(struct sp_cgroup_base *b, struct sp_err *err)
{
	struct sp_err second;

	memset(b, 0, sizeof *b);
	for (int i = 0; i < SP_CG_COUNT; i++) b->parent[i] = b->dir[i] = -1;
	/* A controller is in one of the two only. On a hybrid host version 2 is mounted, and empty. */
	if (sp_cg1_find(b, err) == 0) return 0;
	if (sp_cg2_find(b, &second) == 0) return 0;
	/* The one that the host has at all is the one worth talking about. */
	if (b->version != 1) *err = second;
	b->version = 0;
	return -1;
}

/* ---- the box's directories */

static void remove_tree(int parent, const char *name, int depth)
{
	sp_autoclose int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) return;
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	DIR *d = copy < 0 || depth == 0 ? NULL : fdopendir(copy);
	if (!d && copy >= 0) close(copy);
	for (struct dirent *e; d && (e = readdir(d));)
		if (e->d_type == DT_DIR && e->d_name[0] != '.') remove_tree(fd, e->d_name, depth - 1);
	if (d) closedir(d);
	unlinkat(parent, name, AT_REMOVEDIR);
}

/* Removes what dead boxes left: a live box's directories are locked; one whose lock we get has no owner. */
static void remove_stale_below(int parent)
{
	int copy = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	if (!d && copy >= 0) close(copy);
	for (struct dirent *e; d && (e = readdir(d));) {
		if (e->d_type != DT_DIR || strncmp(e->d_name, SP_CGROUP_PREFIX, strlen(SP_CGROUP_PREFIX)) != 0) continue;
		sp_autoclose int fd = openat(parent, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) remove_tree(parent, e->d_name, DEPTH_MAX);
	}
	if (d) closedir(d);
}

static int make_all(struct sp_cgroup_base *b, uid_t uid, gid_t gid, struct sp_err *err)
{
	int n = b->version == 1 ? SP_CG_COUNT : 1;
	for (int i = 0; i < n; i++) {
		if (b->parent[i] < 0) continue;
		/* Nobody else may open it before it is locked, or he would have the lock. */
		bool ours = mkdirat(b->parent[i], b->id, 0700) == 0;
		if (!ours && errno != EEXIST) /* EEXIST: two controllers in one hierarchy, and locked already */
			return sp_fail(err, SP_E_UNSUPPORTED, errno, "making a cgroup in %s", b->path[i]);
		b->dir[i] = openat(b->parent[i], b->id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (b->dir[i] < 0) return sp_fail(err, SP_E_IO, errno, "%s/%s", b->path[i], b->id);
		if (ours && (flock(b->dir[i], LOCK_EX | LOCK_NB) < 0 || fchmod(b->dir[i], 0755) < 0))
			return sp_fail(err, SP_E_IO, errno, "locking the box's cgroup");
		if ((b->version == 1 ? sp_cg1_make_box(b, i, uid, gid, err) : sp_cg2_make_box(b, uid, gid, err)) < 0) return -1;
	}
	return 0;
}

/* Anybody may open this directory and lock it for ever, so it is waited for 2 s only. Without the lock nothing is cleaned up this time; our own directory could then be
 * taken for stale in the moment before its lock by another box that starts, and this start would fail and be tried again. */
static bool lock_parent(int fd)
{
	for (int tries = 0; tries < 200; tries++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0) return true;
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	}
	return false;
}

int sp_cgroup_delegate(struct sp_cgroup_base *b, uid_t uid, gid_t gid, struct sp_err *err)
{
	uint64_t id;

	if (b->version == 0) return 0;
	if (getrandom(&id, sizeof id, 0) != sizeof id) return sp_fail(err, SP_E_IO, errno, "getrandom");
	snprintf(b->id, sizeof b->id, SP_CGROUP_PREFIX "%016" PRIx64, id);

	for (int i = 0; i < SP_CG_COUNT && b->path[i][0]; i++) {
		b->parent[i] = open(b->path[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (b->parent[i] < 0) return sp_fail(err, SP_E_UNSUPPORTED, errno, "cgroup directory %s", b->path[i]);
	}
	bool locked = lock_parent(b->parent[SP_CG_MEMORY]);
	for (int i = 0; locked && i < SP_CG_COUNT; i++)
		if (b->parent[i] >= 0) remove_stale_below(b->parent[i]);
	int rc = b->version == 2 ? sp_cg2_clear_place(b, err) : 0;
	if (rc == 0) rc = make_all(b, uid, gid, err);
	if (locked) flock(b->parent[SP_CG_MEMORY], LOCK_UN);
	return rc;
}

bool sp_cgroup_remove(struct sp_cgroup_base *b)
{
	bool gone = true;
	for (int i = SP_CG_COUNT - 1; b->id[0] && i >= 0; i--) {
		if (b->parent[i] < 0) continue;
		remove_tree(b->parent[i], b->id, DEPTH_MAX);
		gone &= faccessat(b->parent[i], b->id, F_OK, 0) < 0;
	}
	return gone;
}

void sp_cgroup_close_parents(struct sp_cgroup_base *b)
{
	for (int i = 0; i < SP_CG_COUNT; i++)
		if (b->parent[i] >= 0) close(sp_steal_fd(&b->parent[i]));
}

void sp_cgroup_close(struct sp_cgroup_base *b)
{
	sp_cgroup_close_parents(b);
	for (int i = 0; i < SP_CG_COUNT; i++)
		if (b->dir[i] >= 0) close(sp_steal_fd(&b->dir[i]));
}

/* ---- a slot's */

int sp_cgroup_box_home(const struct sp_cgroup_base *b)
{
	return b->version == 2 ? openat(b->dir[SP_CG_MEMORY], "box", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
}

int sp_cgroup_slot_make(const struct sp_cgroup_base *b, unsigned slot, unsigned generation, unsigned owner, int *home)
{
	char name[48];
	*home = -1;
	if (b->version != 2) return 0;
	if (generation) sp_cgroup_drop(b, slot, generation - 1);
	sp_cg_slot_name(name, slot, generation);
	return sp_cg2_slot_make(b->dir[SP_CG_MEMORY], name, owner, home);
}

void sp_cgroup_drop(const struct sp_cgroup_base *b, unsigned slot, unsigned generation)
{
	char name[48];
	sp_cg_slot_name(name, slot, generation);
	for (int i = 0; i < SP_CG_COUNT; i++)
		if (b->dir[i] >= 0) remove_tree(b->dir[i], name, DEPTH_MAX - 1);
}

int sp_cgroup_enter(const struct sp_cgroup_base *b, unsigned slot, unsigned generation, struct sp_cgroup_slot *s, struct sp_err *err)
{
	char name[48];

	*s = (struct sp_cgroup_slot){.version = b->version, .kept = SP_CGROUP_NONE, .dir = -1};
	sp_cg_slot_name(name, slot, generation);
	if (b->version == 1) {
		if (generation) sp_cgroup_drop(b, slot, generation - 1);
		return sp_cg1_enter(b, name, &s->kept, err);
	}
	if (b->version == 2) {
		s->dir = openat(b->dir[SP_CG_MEMORY], name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (s->dir < 0) return sp_fail(err, SP_E_IO, errno, "opening the slot's cgroup");
	}
	return 0;
}

int sp_cgroup_make(struct sp_cgroup_slot *s, struct sp_cgroup *cg)
{
	*cg = SP_CGROUP_NONE;
	return s->version == 2 ? sp_cg2_make(s, cg) : 0;
}

int sp_cgroup_unmake(struct sp_cgroup_slot *s, struct sp_cgroup *cg) { return s->version == 2 ? sp_cg2_unmake(s, cg) : 0; }

int sp_cgroup_set_memory(struct sp_cgroup *cg, uint64_t bytes)
{
	if (bytes == cg->limit_now || cg->limit < 0) return 0;
	if (cg->dir < 0) return sp_cg1_set_memory(cg, bytes);
	/* v2 accepts a limit below what is in use and then reclaims, or kills: the caller has to look first. */
	if (bytes < sp_cgroup_usage(cg)) {
		errno = EBUSY;
		return -1;
	}
	if (sp_cg_write_number(cg->limit, bytes, "max") < 0) return -1;
	cg->limit_now = bytes;
	return 0;
}

int sp_cgroup_set_pids(struct sp_cgroup *cg, uint64_t n)
{
	if (n == cg->pids_now || cg->pids_max < 0) return 0;
	if (sp_cg_write_number(cg->pids_max, n, "max") < 0) return -1;
	cg->pids_now = n;
	return 0;
}

int sp_cgroup_reset_peak(struct sp_cgroup *cg) { return cg->dir >= 0 || cg->peak < 0 ? 0 : sp_cg_write_number(cg->peak, 0, ""); }
uint64_t sp_cgroup_usage(const struct sp_cgroup *cg) { return sp_cg_read_number(cg->usage); }
uint64_t sp_cgroup_peak(const struct sp_cgroup *cg) { return cg->peak >= 0 ? sp_cg_read_number(cg->peak) : sp_cgroup_usage(cg); }

void sp_cgroup_read_counts(const struct sp_cgroup *cg, struct sp_cgroup_counts *c)
{
	char s[512];
	c->oom_kill = c->limit_hit = 0;
	if (read_text(cg->oom, s, sizeof s)) {
		c->oom_kill = keyed(s, "oom_kill");
		c->limit_hit = keyed(s, "max");
	}
	c->pids_hit = sp_cg_read_keyed(cg->pids_events, "max");
}

void sp_cgroup_force_empty(const struct sp_cgroup *cg)
{
	/* It fails with EBUSY while pages are in use, which the caller sees in the usage as well. */
	if (cg->force_empty >= 0) (void)!sp_cg_write(cg->force_empty, "0");
}

uint64_t sp_cgroup_cpu_fd(int cpu_fd)
{
	char s[512];
	if (!read_text(cpu_fd, s, sizeof s)) return 0;
	/* cpu.stat of v2 begins so; cpuacct.usage of v1 is a bare number. */
	return s[0] == 'u' ? keyed(s, "usage_usec") * 1000 : strtoull(s, NULL, 10);
}
