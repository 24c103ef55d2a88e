/* SPDX-License-Identifier: MIT */
#include "box/mounts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/mem.h"
#include "box/host.h"
#include "box/sys.h"

/* Read-only is not enough: nosuid makes set-id programs harmless, nodev leaves a device file no meaning. */
#define ATTR_ROOT (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)
#define ATTR_DEV (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC)
/* Links cannot be followed by any path, not even by mistake. Of the run's own mount this would break what programs do (box-rules.md 19). */
#define ATTR_VIEW (ATTR_ROOT | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOSYMFOLLOW)
#define COPY_MAX (256 * 1024)

/*
 * The host root (box-rules.md 23): programs and libraries, and of /etc only what they need to start and what is public. Small files are copied into
 * the template, since a mount costs every container some microseconds and a copy is as current as a bind (upgrades replace these files by rename).
 */
static const char *const host_etc_dirs[] = {"ld.so.conf.d", "ssl/certs", "ca-certificates", "alternatives"};
static const char *const host_etc_files[] = {"ld.so.cache", "ld.so.conf", "ca-certificates.conf", "localtime", "mime.types"};

/*
 * Debian keeps parts of each JDK in /etc/java-<n>-openjdk and the JVM does not start without them: the list of its VMs (jvm-<arch>.cfg, found by its ending)
 * and these. They are the packages' own text about algorithms, policies and log levels. Files are named one by one because the directory is also where an
 * administrator puts keystores, JMX passwords and proxies (management/, net.properties), and those stay outside. A file that not every user of the host may
 * read is passed over in any case: whoever copies here has no right over the host's files.
 */
static const char *const host_java_files[] = {"logging.properties", "security/java.security", "security/java.policy",
        "security/default.policy", "security/blocked.certs", "security/policy/unlimited/default_US_export.policy",
        "security/policy/unlimited/default_local.policy"};
#define JAVAS_MAX 8

static const struct {
	const char *name, *text;
} generated[] = {
        {"passwd",
                "root:x:0:0:root:/:/usr/sbin/nologin\nrun:x:1000:1000:run:/box:/bin/sh\nnobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n"},
        {"group", "root:x:0:\nrun:x:1000:\nnogroup:x:65534:\n"},
        {"hosts", "127.0.0.1 localhost\n::1 localhost\n127.0.0.1 serapis\n"},
        {"nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n"},
        {"resolv.conf", ""},
};

static const char *const dev_nodes[] = {"null", "zero", "full", "random", "urandom"};
static const struct {
	const char *name, *target;
} dev_links[] = {{"fd", "/proc/self/fd"}, {"stdin", "/proc/self/fd/0"}, {"stdout", "/proc/self/fd/1"}, {"stderr", "/proc/self/fd/2"}};

/* What of proc speaks of the host (box-rules.md 22). meminfo, cpuinfo, stat, loadavg and net stay: programs size themselves by them. */
static const char *const proc_masks[] = {"kcore", "kallsyms", "kmsg", "keys", "key-users", "timer_list", "sched_debug", "sysrq-trigger",
        "latency_stats", "slabinfo", "vmallocinfo", "modules", "cmdline", "bootconfig", "config.gz", "acpi", "asound", "bus", "driver",
        "fs", "irq", "scsi", "interrupts", "softirqs", "kpagecgroup", "kpagecount", "kpageflags", "pagetypeinfo"};

/* A bind of `path` (with everything mounted below it) that is attached nowhere yet. -1 with errno. */
static int detached(const char *path, uint64_t attr, bool deep)
{
	unsigned rec = deep ? AT_RECURSIVE : 0;
	int fd = (int)syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW | rec);
	if (fd < 0) return -1;
	/* AT_RECURSIVE is the point: a read-only remount of the top alone leaves mounts below it writable. */
	struct mount_attr a = {.attr_set = attr};
	if (syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH | rec, &a, sizeof a) < 0) {
		int why = errno;
		close(fd);
		errno = why;
		return -1;
	}
	return fd;
}

static int attach(int tree, int dir, const char *name)
{
	return (int)syscall(SYS_move_mount, tree, "", dir, name, 0x4 /* MOVE_MOUNT_F_EMPTY_PATH */);
}

static int write_file(int dir, const char *name, const void *p, size_t n)
{
	sp_autoclose int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0) return -1;
	if (n && write(fd, p, n) != (ssize_t)n) return -1;
	return 0;
}

/* A regular file or link of the host, as it is now. What does not exist, is something else or is too large is left out. */
static int copy_into(int dir, const char *name, const char *path)
{
	char link[PATH_MAX];
	ssize_t n = readlink(path, link, sizeof link - 1);
	if (n > 0) {
		link[n] = 0;
		return symlinkat(link, dir, name);
	}
	sp_autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > COPY_MAX) return 0;
	sp_autofree char *bytes = sp_calloc(1, COPY_MAX);
	n = read(fd, bytes, COPY_MAX);
	return n < 0 ? -1 : write_file(dir, name, bytes, (size_t)n);
}

static int mkdir_p_at(int dir, const char *path)
{
	char part[PATH_MAX];
	for (const char *s = path; (s = strchr(s, '/')); s++) {
		snprintf(part, sizeof part, "%.*s", (int)(s - path), path);
		if (mkdirat(dir, part, 0755) < 0 && errno != EEXIST) return -1;
	}
	return mkdirat(dir, path, 0755) < 0 && errno != EEXIST ? -1 : 0;
}

/* ---- building: binds are taken while the host is still in sight, attached when the new tree exists */

#define BINDS_MAX (SP_POLICY_ROOTS_MAX * 24)
#define LINKS_MAX (SP_POLICY_ROOTS_MAX * 8)

/* Of the building only: freed before the launcher forks its first container. */
struct build {
	struct {
		int fd;
		unsigned root;
		char name[NAME_MAX + 1]; /* below the template */
	} binds[BINDS_MAX];
	struct {
		unsigned root;
		char name[NAME_MAX + 1], target[256]; /* "bin" → "usr/bin" */
	} links[LINKS_MAX];
	unsigned nbinds, nlinks;
};

static int take_bind(struct build *b, unsigned root, const char *path, const char *name, struct sp_err *err)
{
	if (b->nbinds == BINDS_MAX) return sp_fail(err, SP_E_LIMIT, 0, "the policy's roots have too many directories");
	int fd = detached(path, ATTR_ROOT, true);
	if (fd < 0) return sp_host_why_no_mount(path, errno, err);
	b->binds[b->nbinds].fd = fd;
	b->binds[b->nbinds].root = root;
	snprintf(b->binds[b->nbinds].name, sizeof b->binds[0].name, "%s", name);
	b->nbinds++;
	return 0;
}

/* One entry of a root's top directory: a directory is bound, a link is copied, all else is left out. */
static int take_entry(struct build *b, unsigned root, const char *path, const char *name, struct sp_err *err)
{
	struct stat st;
	if (lstat(path, &st) < 0) return 0;
	if (S_ISDIR(st.st_mode)) return take_bind(b, root, path, name, err);
	if (!S_ISLNK(st.st_mode)) return 0;
	if (b->nlinks == LINKS_MAX) return sp_fail(err, SP_E_LIMIT, 0, "the policy's roots have too many links");
	char *target = b->links[b->nlinks].target;
	ssize_t n = readlink(path, target, sizeof b->links[0].target - 1);
	if (n <= 0) return 0;
	target[n] = 0;
	b->links[b->nlinks].root = root;
	snprintf(b->links[b->nlinks].name, sizeof b->links[0].name, "%s", name);
	b->nlinks++;
	return 0;
}

static int take_host(struct build *b, struct sp_err *err)
{
	DIR *d = opendir("/");
	int rc = 0;
	if (!d) return sp_fail(err, SP_E_IO, errno, "reading /");
	for (struct dirent *e; rc == 0 && (e = readdir(d));) {
		if (strcmp(e->d_name, "usr") != 0 && strcmp(e->d_name, "bin") != 0 && strcmp(e->d_name, "sbin") != 0 &&
		        strncmp(e->d_name, "lib", 3) != 0)
			continue;
		char path[NAME_MAX + 2];
		snprintf(path, sizeof path, "/%s", e->d_name);
		rc = take_entry(b, 0, path, e->d_name, err);
	}
	closedir(d);
	for (size_t i = 0; rc == 0 && i < SP_COUNT(host_etc_dirs); i++) {
		char path[64];
		struct stat st;
		snprintf(path, sizeof path, "/etc/%s", host_etc_dirs[i]);
		if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode)) rc = take_bind(b, 0, path, path + 1, err);
	}
	return rc;
}

static int take_directory(struct build *b, unsigned root, const char *top, struct sp_err *err)
{
	static const char *const not_these[] = {".", "..", "proc", "sys", "dev", "run", "tmp", "box"};
	DIR *d = opendir(top);
	int rc = 0;
	if (!d) return sp_fail(err, SP_E_UNSUPPORTED, errno, "the policy's root %s (must be readable for every user of the host)", top);
	for (struct dirent *e; rc == 0 && (e = readdir(d));) {
		bool skip = false;
		for (size_t i = 0; i < SP_COUNT(not_these); i++) skip |= strcmp(e->d_name, not_these[i]) == 0;
		char path[SP_POLICY_PATH_MAX + NAME_MAX + 2];
		snprintf(path, sizeof path, "%s/%s", top, e->d_name);
		if (!skip) rc = take_entry(b, root, path, e->d_name, err);
	}
	closedir(d);
	return rc;
}

static int fill_dev(int dir, struct sp_err *err)
{
	for (size_t i = 0; i < SP_COUNT(dev_nodes); i++) {
		char name[32], from[32];
		snprintf(name, sizeof name, "dev/%s", dev_nodes[i]);
		snprintf(from, sizeof from, "/dev/%s", dev_nodes[i]);
		sp_autoclose int fd = detached(from, ATTR_DEV, false);
		if (fd < 0 || write_file(dir, name, "", 0) < 0 || attach(fd, dir, name) < 0)
			return sp_fail(err, SP_E_IO, errno, "making /%s", name);
	}
	for (size_t i = 0; i < SP_COUNT(dev_links); i++) {
		char name[32];
		snprintf(name, sizeof name, "dev/%s", dev_links[i].name);
		if (symlinkat(dev_links[i].target, dir, name) < 0) return sp_fail(err, SP_E_IO, errno, "making /dev/%s", dev_links[i].name);
	}
	return 0;
}

static bool is_java(const char *name)
{
	if (strncmp(name, "java-", 5) != 0) return false;
	size_t digits = strspn(name + 5, "0123456789");
	return digits > 0 && digits < 4 && strcmp(name + 5 + digits, "-openjdk") == 0;
}

/* One JDK's configuration; `name` is its directory in /etc. */
static int fill_java(int dir, const char *name)
{
	char to[128], from[160];
	snprintf(from, sizeof from, "/oldroot/etc/%.20s", name);
	snprintf(to, sizeof to, "etc/%.20s/security/policy/unlimited", name);
	DIR *d = opendir(from);
	if (!d) return 0;
	int rc = mkdir_p_at(dir, to);
	for (struct dirent *e; rc == 0 && (e = readdir(d));) {
		size_t n = strlen(e->d_name);
		if (n > 40 || strncmp(e->d_name, "jvm-", 4) != 0 || strcmp(e->d_name + n - 4, ".cfg") != 0) continue;
		snprintf(to, sizeof to, "etc/%.20s/%.40s", name, e->d_name);
		snprintf(from, sizeof from, "/oldroot/etc/%.20s/%.40s", name, e->d_name);
		rc = copy_into(dir, to, from);
	}
	closedir(d);
	for (size_t i = 0; rc == 0 && i < SP_COUNT(host_java_files); i++) {
		snprintf(to, sizeof to, "etc/%.20s/%s", name, host_java_files[i]);
		snprintf(from, sizeof from, "/oldroot/etc/%.20s/%s", name, host_java_files[i]);
		rc = copy_into(dir, to, from);
	}
	return rc;
}

static int fill_javas(int dir, struct sp_err *err)
{
	DIR *d = opendir("/oldroot/etc");
	int rc = 0, found = 0;
	if (!d) return sp_fail(err, SP_E_IO, errno, "reading /etc");
	for (struct dirent *e; rc == 0 && found < JAVAS_MAX && (e = readdir(d));) {
		if (!is_java(e->d_name)) continue;
		found++;
		if ((rc = fill_java(dir, e->d_name)) < 0) sp_fail(err, SP_E_IO, errno, "copying /etc/%.20s", e->d_name);
	}
	closedir(d);
	return rc;
}

/* Generated files over those of an image, where it has them as regular files; in the host root they are the only ones. */
static int fill_etc(int dir, bool host, struct sp_err *err)
{
	for (size_t i = 0; i < SP_COUNT(generated); i++) {
		char name[64], source[64];
		snprintf(name, sizeof name, "etc/%s", generated[i].name);
		if (host) {
			if (write_file(dir, name, generated[i].text, strlen(generated[i].text)) < 0)
				return sp_fail(err, SP_E_IO, errno, "writing /%s", name);
			continue;
		}
		struct stat st;
		snprintf(source, sizeof source, "/etc-%s", generated[i].name);
		if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode)) continue;
		sp_autoclose int fd = detached(source, ATTR_ROOT, false);
		if (fd < 0 || attach(fd, dir, name) < 0) return sp_fail(err, SP_E_IO, errno, "putting our /%s over the root's", name);
	}
	for (size_t i = 0; host && i < SP_COUNT(host_etc_files); i++) {
		char name[64], path[64];
		snprintf(name, sizeof name, "etc/%s", host_etc_files[i]);
		snprintf(path, sizeof path, "/oldroot/etc/%s", host_etc_files[i]);
		if (copy_into(dir, name, path) < 0) return sp_fail(err, SP_E_IO, errno, "copying /%s", name);
	}
	return host ? fill_javas(dir, err) : 0;
}

static int build_template(const struct build *b, const struct sp_policy *p, unsigned root, struct sp_err *err)
{
	static const char *const points[] = {"proc", "box", "tmp", "dev/shm", "etc"};
	char path[64];
	snprintf(path, sizeof path, "/roots/%s", p->roots[root].name);
	if (mkdir(path, 0755) < 0 || mount("root", path, "tmpfs", MS_NOSUID | MS_NODEV, "size=4m,nr_inodes=512,mode=0755") < 0)
		return sp_fail(err, SP_E_IO, errno, "making the template of root \"%s\"", p->roots[root].name);
	sp_autoclose int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0) return sp_fail(err, SP_E_IO, errno, "%s", path);
	for (size_t i = 0; i < SP_COUNT(points); i++) {
		/* an image's own etc comes as a bind; only the host root has one that we fill */
		if (root != 0 && strcmp(points[i], "etc") == 0) continue;
		if (mkdir_p_at(dir, points[i]) < 0) return sp_fail(err, SP_E_IO, errno, "making %s%s", path, points[i]);
	}
	for (unsigned i = 0; i < b->nbinds; i++) {
		if (b->binds[i].root != root) continue;
		if (mkdir_p_at(dir, b->binds[i].name) < 0 || attach(b->binds[i].fd, dir, b->binds[i].name) < 0)
			return sp_fail(err, SP_E_IO, errno, "attaching /%s of root \"%s\"", b->binds[i].name, p->roots[root].name);
		close(b->binds[i].fd);
	}
	for (unsigned i = 0; i < b->nlinks; i++)
		if (b->links[i].root == root && symlinkat(b->links[i].target, dir, b->links[i].name) < 0)
			return sp_fail(err, SP_E_IO, errno, "making the link /%s of root \"%s\"", b->links[i].name, p->roots[root].name);
	if (fill_dev(dir, err) < 0 || fill_etc(dir, root == 0, err) < 0) return -1;
	struct mount_attr a = {.attr_set = ATTR_ROOT};
	if (syscall(SYS_mount_setattr, dir, "", AT_EMPTY_PATH, &a, sizeof a) < 0)
		return sp_fail(err, SP_E_IO, errno, "making %s read-only", path);
	return 0;
}

static void find_masks(struct sp_mounts *m)
{
	m->nmasks = 0;
	for (size_t i = 0; i < SP_COUNT(proc_masks); i++) {
		struct stat st;
		if (fstatat(m->proc, proc_masks[i], &st, AT_SYMLINK_NOFOLLOW) < 0) continue;
		m->masks[m->nmasks] = proc_masks[i];
		m->mask_is_dir[m->nmasks++] = S_ISDIR(st.st_mode);
	}
}

/* Everything of the host that the new tree will hold, as detached mounts, while the host is in sight. */
static int take_all(struct build *b, const struct sp_policy *p, int *nodes, struct sp_err *err)
{
	if (take_host(b, err) < 0) return -1;
	for (unsigned i = 1; i < p->nroots; i++)
		if (take_directory(b, i, p->roots[i].path, err) < 0) return -1;
	for (size_t i = 0; i < SP_COUNT(dev_nodes); i++) {
		char path[32];
		snprintf(path, sizeof path, "/dev/%s", dev_nodes[i]);
		nodes[i] = detached(path, ATTR_DEV, false);
		if (nodes[i] < 0) return sp_host_why_no_mount(path, errno, err);
	}
	return 0;
}

/* The launcher's own tree, with the host still below /oldroot. */
static int make_tree(const int *nodes, struct sp_err *err)
{
	static const char *const stage[] = {"/tmp", "/mnt", "/media", "/srv", "/run"};
	static const char *const points[] = {"oldroot", "roots", "proc", "tree", "view", "empty", "dev"};
	char name[64];

	/* It needs some directory of the host as its mount point; nobody sees that it is covered, as this mount namespace is ours alone. */
	const char *at = NULL;
	for (size_t i = 0; i < SP_COUNT(stage) && !at; i++)
		if (mount("serapis-box", stage[i], "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,nr_inodes=256,mode=0755") == 0) at = stage[i];
	if (!at && errno == ENOENT)
		return sp_fail(err, SP_E_UNSUPPORTED, 0,
		        "this host has none of the directories /tmp /mnt /media /srv /run to mount on; mkdir /tmp");
	if (!at) return sp_host_why_no_mount("a tmpfs", errno, err);
	if (chdir(at) < 0) return sp_fail(err, SP_E_IO, errno, "%s", at);
	for (size_t i = 0; i < SP_COUNT(points); i++)
		if (mkdir(points[i], 0755) < 0) return sp_fail(err, SP_E_IO, errno, "making %s in the launcher's tree", points[i]);
	for (size_t i = 0; i < SP_COUNT(generated); i++) {
		snprintf(name, sizeof name, "etc-%s", generated[i].name);
		if (write_file(AT_FDCWD, name, generated[i].text, strlen(generated[i].text)) < 0)
			return sp_fail(err, SP_E_IO, errno, "writing %s", name);
	}
	for (size_t i = 0; i < SP_COUNT(dev_nodes); i++) {
		snprintf(name, sizeof name, "dev/%s", dev_nodes[i]);
		if (write_file(AT_FDCWD, name, "", 0) < 0 || attach(nodes[i], AT_FDCWD, name) < 0)
			return sp_host_why_no_mount(name, errno, err);
		close(nodes[i]);
	}
	/* Bound over parts of proc: a mount of its own, since a bind takes over its source's flags. */
	sp_autoclose int empty = detached("empty", ATTR_ROOT | MOUNT_ATTR_NOEXEC, false);
	if (empty < 0 || attach(empty, AT_FDCWD, "empty") < 0) return sp_host_why_no_mount("/empty", errno, err);
	/* The slot's own pid namespace's, complete. The kernel allows it because the box's, complete as well, is in sight now. */
	if (mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0) return sp_host_why_no_proc(errno, err);
	if (sp_sys_pivot_root(".", "oldroot") < 0 || chdir("/") < 0) return sp_host_why_no_mount("the launcher's root", errno, err);
	return 0;
}

int sp_mounts_build(struct sp_mounts *m, const struct sp_policy *p, struct sp_err *err)
{
	sp_autofree struct build *b = sp_new(struct build);
	int nodes[SP_COUNT(dev_nodes)];

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) return sp_host_why_no_mount("a private tree", errno, err);
	if (take_all(b, p, nodes, err) < 0 || make_tree(nodes, err) < 0) return -1;
	for (unsigned i = 0; i < p->nroots; i++)
		if (build_template(b, p, i, err) < 0) return -1;

	/* From here on nothing of the host is left in sight but what the templates bind. */
	if (umount2("/oldroot", MNT_DETACH) < 0 || rmdir("/oldroot") < 0)
		return sp_host_why_no_mount("a tree without the host's", errno, err);
	m->proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (m->proc < 0) return sp_fail(err, SP_E_IO, errno, "/proc");
	find_masks(m);
	return 0;
}

/* ---- each run */

static void size_options(char out[96], const struct sp_tree_size *s, const char *more)
{
	/* the root and three directories come out of the run's number as well */
	snprintf(out, 96, "size=%llu,nr_inodes=%u%s", (unsigned long long)s->bytes, (s->inodes ? s->inodes : 8192) + 4, more);
}

int sp_mounts_tree_open(const struct sp_tree_size *size, const char **what)
{
	char opts[96];
	*what = "mounting the run's tree";
	size_options(opts, size, ",mode=0755");
	if (mount("tree", "/tree", "tmpfs", MS_NOSUID | MS_NODEV, opts) < 0) return -1;
	*what = "making the run's directories";
	umask(0);
	int rc = mkdir("/tree/box", 0755) < 0 || mkdir("/tree/tmp", 01777) < 0 || mkdir("/tree/shm", 01777) < 0 ||
	         /* Safe: the directory was made a line ago on a file system that nobody else has seen. */
	         chown("/tree/box", SP_RUN_UID, SP_RUN_UID) < 0;
	umask(022);
	return rc ? -1 : 0;
}

int sp_mounts_tree_resize(const struct sp_tree_size *size)
{
	char opts[96];
	size_options(opts, size, "");
	return mount(NULL, "/tree", NULL, MS_REMOUNT | MS_NOSUID | MS_NODEV, opts);
}

int sp_mounts_tree_close(void) { return umount2("/tree", UMOUNT_NOFOLLOW); }

int sp_mounts_tree_full(bool *blocks, bool *inodes)
{
	struct statfs s;
	if (statfs("/tree", &s) < 0) return -1;
	*blocks = s.f_blocks && s.f_bavail == 0;
	*inodes = s.f_files && s.f_ffree == 0;
	return 0;
}

uint64_t sp_mounts_tree_used(void)
{
	struct statfs s;
	return statfs("/tree", &s) < 0 ? 0 : (uint64_t)(s.f_blocks - s.f_bfree) * (uint64_t)s.f_bsize;
}

/* Both names are ours: what a run can rename is below them. */
int sp_mounts_tree_view(const char **what)
{
	*what = "making a view of the run's files (needs Linux 5.14)";
	return detached("/tree/box", ATTR_VIEW, false);
}

/* Puts the launcher's tree under the working directory, the new root, at the same place, and takes it away: afterwards no path leads out, not even
 * through "..". */
static int become_root(const char **what)
{
	*what = "pivot_root";
	return sp_sys_pivot_root(".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0 ? -1 : 0;
}

int sp_mounts_enter_view(int view, const char **what)
{
	*what = "attaching the view of the run's files";
	if (attach(view, AT_FDCWD, "/view") < 0 || chdir("/view") < 0) return -1;
	return become_root(what);
}

int sp_mounts_enter(const struct sp_mounts *m, const char *root, const char **what)
{
	char at[64];
	snprintf(at, sizeof at, "/roots/%s", root);
	*what = "entering the root's template";
	if (chdir(at) < 0) return -1;

	/* Our own pid namespace's proc. Read-only, or a run could lower its oom_score_adj and write its namespace's sysctls; hidepid keeps init out of sight. */
	*what = "mounting proc (is the box's own /proc complete?)";
	if (mount("proc", "proc", "proc", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, "hidepid=invisible") < 0) return -1;
	*what = "masking proc";
	for (unsigned i = 0; i < m->nmasks; i++) {
		char target[48];
		snprintf(target, sizeof target, "proc/%s", m->masks[i]);
		if (mount(m->mask_is_dir[i] ? "/empty" : "/dev/null", target, NULL, MS_BIND, NULL) < 0) return -1;
	}
	*what = "binding the run's tree";
	if (mount("/tree/box", "box", NULL, MS_BIND, NULL) < 0 || mount("/tree/tmp", "tmp", NULL, MS_BIND, NULL) < 0 ||
	        mount("/tree/shm", "dev/shm", NULL, MS_BIND, NULL) < 0)
		return -1;
	return become_root(what);
}
