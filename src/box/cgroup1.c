/* SPDX-License-Identifier: MIT */
/*
 * cgroup v1. Three controllers, each with a hierarchy and a path of its own: this process may sit at / in one and at /system.slice/… in another,
 * so each path is read, never assumed (box-rules.md 37).
 *
 * serapis-box-<id> is made below the box's own cgroup, so that a limit that somebody has set for the service holds for the runs too. It
 * belongs to the box's root id; the launchers make their slots' directories in it without any privilege.
 *
 * Which directories are stale is told by a flock on the memory directory: the stub and the box hold it as long as one of them lives, in whatever pid
 * namespace; a pid in the name could not say so. The parent is locked while a box cleans and makes, so that a directory is never seen before its lock.
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
#include <unistd.h>

#include "base/attr.h"

/* Beside the memory limit, not within it: enough for any program that talks to itself over loopback, and little enough for all slots together. */
#define SOCKET_BUFFERS_MAX (UINT64_C(16) << 20)

static const char *const controllers[SP_CG_COUNT] = {"memory", "cpuacct", "pids"};

static bool list_has(const char *list, const char *word)
{
	size_t n = strlen(word);
	for (const char *p = list; (p = strstr(p, word)); p += n)
		if ((p == list || p[-1] == ',') && (p[n] == ',' || p[n] == 0)) return true;
	return false;
}

/* The path of controller `name` in /proc/self/cgroup ("5:cpu,cpuacct:/x"), or false. */
static bool own_path(const char *name, char *out, size_t size)
{
	FILE *f = fopen("/proc/self/cgroup", "re");
	char line[PATH_MAX + 128];
	bool found = false;

	while (f && !found && fgets(line, sizeof line, f)) {
		char *list = strchr(line, ':'), *path = list ? strchr(list + 1, ':') : NULL;
		if (!path) continue;
		*path++ = 0;
		path[strcspn(path, "\n")] = 0;
		found = list_has(list + 1, name) && (size_t)snprintf(out, size, "%s", path) < size;
	}
	if (f) fclose(f);
	return found;
}

/* Where hierarchy `name` is mounted and which of its directories that mount shows; field 4, 5 and the options after " - " of mountinfo. */
static bool mount_of(const char *name, char *root, char *point, size_t size)
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
		if (strcmp(type, "cgroup") != 0 || !list_has(opts, name)) continue;
		found = (size_t)snprintf(root, size, "%s", r) < size && (size_t)snprintf(point, size, "%s", p) < size;
	}
	free(line);
	if (f) fclose(f);
	return found;
}

int sp_cgroup_find(struct sp_cgroup_base *b, struct sp_err *err)
{
	memset(b, 0, sizeof *b);
	b->version = 1;
	for (int i = 0; i < SP_CG_COUNT; i++) b->parent[i] = b->dir[i] = -1;

	for (int i = 0; i < SP_CG_COUNT; i++) {
		char own[384], root[384], point[384];
		if (!own_path(controllers[i], own, sizeof own) || !mount_of(controllers[i], root, point, sizeof root))
			return sp_fail(err, SP_E_UNSUPPORTED, 0,
			        "this host has no cgroup v1 controller \"%s\", without which programs cannot be limited: mount it below "
			        "/sys/fs/cgroup "
			        "(cgroup v2 alone is not enough)",
			        controllers[i]);
		/* The mount shows the hierarchy from `root` on; in a container that is usually the path of our own cgroup, or one above it. */
		const char *below = own;
		size_t n = strlen(root);
		if (strcmp(root, "/") != 0) {
			if (strncmp(own, root, n) != 0 || (own[n] && own[n] != '/'))
				return sp_fail(err, SP_E_UNSUPPORTED, 0,
				        "the cgroup %s of controller %s is not visible below %s: mount the cgroup file system of this "
				        "container",
				        own, controllers[i], point);
			below = own + n;
		}
		if ((size_t)snprintf(b->path[i], sizeof b->path[i], "%s%s", point, strcmp(below, "/") == 0 ? "" : below) >=
		        sizeof b->path[i])
			return sp_fail(err, SP_E_LIMIT, 0, "the path of controller %s is too long", controllers[i]);
		if (access(b->path[i], W_OK) < 0)
			return sp_fail(err, SP_E_UNSUPPORTED, errno, "the cgroup directory %s cannot be written to: mount it read-write",
			        b->path[i]);
	}
	return 0;
}

static void remove_tree(int parent, const char *name)
{
	sp_autoclose int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) return;
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	if (!d && copy >= 0) close(copy);
	for (struct dirent *e; d && (e = readdir(d));)
		/* one level: a slot's directory has none below it, as programs see no cgroup file system */
		if (e->d_type == DT_DIR && e->d_name[0] == 's') unlinkat(fd, e->d_name, AT_REMOVEDIR);
	if (d) closedir(d);
	unlinkat(parent, name, AT_REMOVEDIR);
}

/* Removes what dead boxes left. A live box's memory directory is locked; one whose lock we get has no owner. */
static void remove_stale(const struct sp_cgroup_base *b)
{
	int copy = openat(b->parent[SP_CG_MEMORY], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	if (!d && copy >= 0) close(copy);
	for (struct dirent *e; d && (e = readdir(d));) {
		if (e->d_type != DT_DIR || strncmp(e->d_name, SP_CGROUP_PREFIX, strlen(SP_CGROUP_PREFIX)) != 0) continue;
		sp_autoclose int fd = openat(b->parent[SP_CG_MEMORY], e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0) continue;
		/* memory last: as long as it exists, an interrupted removal is found again */
		for (int i = SP_CG_COUNT - 1; i >= 0; i--) remove_tree(b->parent[i], e->d_name);
	}
	if (d) closedir(d);
}

static int make_one(struct sp_cgroup_base *b, int i, uid_t uid, gid_t gid, struct sp_err *err)
{
	if (mkdirat(b->parent[i], b->id, 0755) < 0 && errno != EEXIST) /* EEXIST: two controllers in one hierarchy */
		return sp_fail(err, SP_E_UNSUPPORTED, errno, "making a cgroup in %s", b->path[i]);
	b->dir[i] = openat(b->parent[i], b->id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (b->dir[i] < 0) return sp_fail(err, SP_E_IO, errno, "%s/%s", b->path[i], b->id);
	/* Safe: the directory was made by us a moment ago below our own cgroup and holds no task; its owner can make groups below it and move
	 * own processes into them, but not lift a limit that holds above. Its own limit files stay root's. */
	if (fchown(b->dir[i], uid, gid) < 0 || fchownat(b->dir[i], "cgroup.procs", uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
		return sp_fail(err, SP_E_IO, errno, "giving %s/%s to the box", b->path[i], b->id);
	return 0;
}

int sp_cgroup_delegate(struct sp_cgroup_base *b, uid_t uid, gid_t gid, struct sp_err *err)
{
	uint64_t id;
	if (getrandom(&id, sizeof id, 0) != sizeof id) return sp_fail(err, SP_E_IO, errno, "getrandom");
	snprintf(b->id, sizeof b->id, SP_CGROUP_PREFIX "%016" PRIx64, id);

	for (int i = 0; i < SP_CG_COUNT; i++) {
		b->parent[i] = open(b->path[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (b->parent[i] < 0) return sp_fail(err, SP_E_UNSUPPORTED, errno, "cgroup directory %s", b->path[i]);
	}
	if (flock(b->parent[SP_CG_MEMORY], LOCK_EX) < 0) return sp_fail(err, SP_E_IO, errno, "locking %s", b->path[SP_CG_MEMORY]);
	remove_stale(b);
	int rc = 0;
	for (int i = 0; i < SP_CG_COUNT && rc == 0; i++) {
		rc = make_one(b, i, uid, gid, err);
		if (rc == 0 && i == SP_CG_MEMORY && flock(b->dir[i], LOCK_EX | LOCK_NB) < 0)
			rc = sp_fail(err, SP_E_IO, errno, "locking the box's cgroup");
	}
	flock(b->parent[SP_CG_MEMORY], LOCK_UN);
	return rc;
}

bool sp_cgroup_remove(struct sp_cgroup_base *b)
{
	bool gone = true;
	for (int i = SP_CG_COUNT - 1; b->id[0] && i >= 0; i--) {
		if (b->parent[i] < 0) continue;
		remove_tree(b->parent[i], b->id);
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

/* ---- one slot */

static int write_number(int fd, uint64_t v)
{
	char s[24];
	int n = v == UINT64_MAX ? snprintf(s, sizeof s, "-1") : snprintf(s, sizeof s, "%" PRIu64, v);
	return pwrite(fd, s, (size_t)n, 0) == n ? 0 : -1;
}

static size_t read_text(int fd, char *out, size_t size)
{
	ssize_t n = fd < 0 ? -1 : pread(fd, out, size - 1, 0);
	out[n > 0 ? n : 0] = 0;
	return n > 0 ? (size_t)n : 0;
}

static uint64_t read_number(int fd)
{
	char s[32];
	return read_text(fd, s, sizeof s) ? strtoull(s, NULL, 10) : 0;
}

/* The number behind "key " at the beginning of a line of a flat-keyed file; 0 when there is none. */
static uint64_t read_keyed(int fd, const char *key)
{
	char s[512];
	size_t n = strlen(key);
	if (!read_text(fd, s, sizeof s)) return 0;
	for (char *line = s; line; line = strchr(line, '\n')) {
		if (*line == '\n') line++;
		if (strncmp(line, key, n) == 0 && line[n] == ' ') return strtoull(line + n + 1, NULL, 10);
	}
	return 0;
}

int sp_cgroup_enter(const struct sp_cgroup_base *b, unsigned slot, unsigned generation, struct sp_cgroup *cg, struct sp_err *err)
{
	char name[48];
	int at[SP_CG_COUNT];

	snprintf(name, sizeof name, "s%u-%u", slot, generation);
	for (int i = 0; i < SP_CG_COUNT; i++) {
		if (mkdirat(b->dir[i], name, 0755) < 0 && errno != EEXIST)
			return sp_fail(err, SP_E_IO, errno, "making the slot's %s cgroup", controllers[i]);
		at[i] = openat(b->dir[i], name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (at[i] < 0) return sp_fail(err, SP_E_IO, errno, "opening the slot's %s cgroup", controllers[i]);
	}
	const struct {
		int *fd;
		int dir;
		const char *file;
		int flags;
		bool optional;
	} files[] = {
	        {&cg->usage, SP_CG_MEMORY, "memory.usage_in_bytes", O_RDONLY, false},
	        {&cg->limit, SP_CG_MEMORY, "memory.limit_in_bytes", O_WRONLY, false},
	        {&cg->memsw, SP_CG_MEMORY, "memory.memsw.limit_in_bytes", O_WRONLY, true}, /* only with swap accounting */
	        {&cg->peak, SP_CG_MEMORY, "memory.max_usage_in_bytes", O_RDWR, false},
	        {&cg->oom, SP_CG_MEMORY, "memory.oom_control", O_RDONLY, false},
	        {&cg->force_empty, SP_CG_MEMORY, "memory.force_empty", O_WRONLY, false},
	        {&cg->cpu, SP_CG_CPUACCT, "cpuacct.usage", O_RDONLY, false},
	        {&cg->pids_max, SP_CG_PIDS, "pids.max", O_WRONLY, false},
	        {&cg->pids_events, SP_CG_PIDS, "pids.events", O_RDONLY, true},
	};
	for (size_t i = 0; i < SP_COUNT(files); i++) {
		*files[i].fd = openat(at[files[i].dir], files[i].file, files[i].flags | O_CLOEXEC);
		if (*files[i].fd < 0 && !files[i].optional)
			return sp_fail(err, SP_E_UNSUPPORTED, errno, "the cgroup file %s", files[i].file);
	}
	cg->limit_now = cg->pids_now = UINT64_MAX;

	/* No swap for runs: the limit is one of memory, and swapped pages would outlive it on the host's disk. */
	sp_autoclose int swappiness = openat(at[SP_CG_MEMORY], "memory.swappiness", O_WRONLY | O_CLOEXEC);
	if (swappiness >= 0 && write_number(swappiness, 0) < 0) return sp_fail(err, SP_E_IO, errno, "memory.swappiness");

	/* v1 charges the buffers of TCP and UDP sockets to no limit at all until this one is set, and the pool that they come from (tcp_mem, udp_mem) is
	 * one for the whole machine: a run could take all of it over loopback, and every connection of the host would starve. */
	sp_autoclose int buffers = openat(at[SP_CG_MEMORY], "memory.kmem.tcp.limit_in_bytes", O_WRONLY | O_CLOEXEC);
	if (buffers >= 0 && write_number(buffers, SOCKET_BUFFERS_MAX) < 0)
		return sp_fail(err, SP_E_IO, errno, "memory.kmem.tcp.limit_in_bytes");

	for (int i = 0; i < SP_CG_COUNT; i++) {
		sp_autoclose int procs = openat(at[i], "cgroup.procs", O_WRONLY | O_CLOEXEC);
		if (procs < 0 || write(procs, "0", 1) != 1)
			return sp_fail(err, SP_E_IO, errno, "entering the slot's %s cgroup", controllers[i]);
	}
	for (int i = 0; i < SP_CG_COUNT; i++) close(at[i]);
	return 0;
}

void sp_cgroup_drop(const struct sp_cgroup_base *b, unsigned slot, unsigned generation)
{
	char name[48];
	snprintf(name, sizeof name, "s%u-%u", slot, generation);
	for (int i = 0; i < SP_CG_COUNT; i++) unlinkat(b->dir[i], name, AT_REMOVEDIR);
}

int sp_cgroup_set_memory(struct sp_cgroup *cg, uint64_t bytes)
{
	if (bytes == cg->limit_now) return 0;
	/* memory ≤ memory+swap must hold at every moment: the outer limit moves first on the way up, last on the way down. */
	bool up = bytes > cg->limit_now;
	if ((!up || cg->memsw < 0 || write_number(cg->memsw, bytes) == 0) && write_number(cg->limit, bytes) == 0 &&
	        (up || cg->memsw < 0 || write_number(cg->memsw, bytes) == 0)) {
		cg->limit_now = bytes;
		return 0;
	}
	/* Half-written: back to none, which is always possible, so that limit_now is true again. The caller runs nothing after a failure. */
	int why = errno;
	if (cg->memsw >= 0) (void)!write_number(cg->memsw, UINT64_MAX);
	(void)!write_number(cg->limit, UINT64_MAX);
	cg->limit_now = UINT64_MAX;
	errno = why;
	return -1;
}

int sp_cgroup_set_pids(struct sp_cgroup *cg, uint64_t n)
{
	if (n == cg->pids_now) return 0;
	if (write_number(cg->pids_max, n) < 0) return -1;
	cg->pids_now = n;
	return 0;
}

int sp_cgroup_reset_peak(struct sp_cgroup *cg) { return write_number(cg->peak, 0); }
uint64_t sp_cgroup_usage(const struct sp_cgroup *cg) { return read_number(cg->usage); }
uint64_t sp_cgroup_peak(const struct sp_cgroup *cg) { return read_number(cg->peak); }
uint64_t sp_cgroup_cpu_fd(int cpu_fd) { return read_number(cpu_fd); }

void sp_cgroup_read_counts(const struct sp_cgroup *cg, struct sp_cgroup_counts *c)
{
	c->oom_kill = read_keyed(cg->oom, "oom_kill");
	c->pids_hit = read_keyed(cg->pids_events, "max");
}

void sp_cgroup_force_empty(const struct sp_cgroup *cg)
{
	/* It fails with EBUSY while pages are in use, which the caller sees in the usage as well. */
	(void)!write_number(cg->force_empty, 0);
}
