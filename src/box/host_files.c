/* SPDX-License-Identifier: MIT */
/* What programs are shown of the host's files, and what may refuse a mount. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#include "base/attr.h"
#include "box/host.h"

/* Of /etc the root "host" has these directories (mounts.c); the files are copies. */
static const char *const tops[] = {"/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc/ssl/certs", "/etc/alternatives", "/etc/ld.so.conf.d"};

/* ---- mounts */

/* The next mount point of `f`, /proc/self/mountinfo, that lies below `dir` ("/usr/"). */
static bool next_mount(FILE *f, const char *dir, char *point, size_t size)
{
	sp_autofree char *line = NULL;
	size_t cap = 0;

	while (f && getline(&line, &cap, f) > 0) {
		char *p = line;
		for (int i = 0; p && i < 4; i++) p = (p = strchr(p, ' ')) ? p + 1 : NULL;
		if (!p) continue;
		p[strcspn(p, " ")] = 0;
		if (strncmp(p, dir, strlen(dir)) == 0 && (size_t)snprintf(point, size, "%s", p) < size) return true;
	}
	return false;
}

/* " "docker-default"": the AppArmor profile or SELinux context that confines us, or "" */
static void confinement(char *out, size_t size)
{
	char text[100] = "";

	out[0] = 0;
	if (!sp_host_line("/proc/self/attr/apparmor/current", text, sizeof text) &&
	        !sp_host_line("/proc/self/attr/current", text, sizeof text))
		return;
	if (text[0] && strncmp(text, "unconfined", 10) != 0 && strcmp(text, "kernel") != 0) snprintf(out, size, " \"%s\"", text);
}

int sp_host_why_no_mount(const char *what, int errnum, struct sp_err *err)
{
	char text[16], profile[112];

	if (errnum == ENODEV) return sp_fail(err, SP_E_UNSUPPORTED, 0, "this kernel has no file system for %s; boot Debian's", what);
	if (errnum == ENOSPC)
		return sp_fail(err, SP_E_UNSUPPORTED, 0,
		        "there are too many mounts for %s; raise user.max_mnt_namespaces, here or on the host of this container, or "
		        "fs.mount-max",
		        what);
	if (errnum != EPERM && errnum != EACCES) return sp_fail(err, SP_E_UNSUPPORTED, errnum, "%s cannot be mounted", what);
	if (!sp_host_is_root() && sp_host_line("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", text, sizeof text) &&
	        text[0] == '1')
		return sp_fail(err, SP_E_UNSUPPORTED, 0,
		        "%s cannot be mounted: AppArmor leaves users other than root no power in their user namespaces "
		        "(kernel.apparmor_restrict_unprivileged_userns is 1); sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
		        what);
	confinement(profile, sizeof profile);
	return sp_fail(err, SP_E_UNSUPPORTED, 0,
	        "%s cannot be mounted: a security module%s or a filter of system calls forbids it; start the service without it (docker: "
	        "--security-opt apparmor=unconfined --security-opt seccomp=unconfined)",
	        what, profile);
}

int sp_host_why_no_proc(int errnum, struct sp_err *err)
{
	char point[PATH_MAX];
	FILE *f = errnum == EPERM ? fopen("/proc/self/mountinfo", "re") : NULL;
	bool covered = false;

	/* A mount on these two, which are always empty, hides nothing. */
	while (f && !covered && next_mount(f, "/proc/", point, sizeof point))
		covered = strcmp(point, "/proc/sys/fs/binfmt_misc") != 0 && strcmp(point, "/proc/fs/nfsd") != 0;
	if (f) fclose(f);
	if (!covered) return sp_host_why_no_mount("a new /proc", errnum, err);
	return sp_fail(err, SP_E_UNSUPPORTED, 0,
	        "parts of /proc are covered (%.60s), and then the kernel lets containers mount none of their own; give this container a "
	        "complete "
	        "one (docker: --security-opt systempaths=unconfined, Kubernetes: procMount: Unmasked)",
	        point);
}

/* ---- directories and devices */

/* Every directory on the way must let everybody through, and the last one be read: the box has no right of the host's root. */
static int check_reach(const char *path, const char *whose, struct sp_err *err)
{
	char part[SP_POLICY_PATH_MAX];
	struct stat st;

	for (const char *end = path;; end++) {
		end = strchrnul(end, '/');
		snprintf(part, sizeof part, "%.*s", end == path ? 1 : (int)(end - path), path);
		if (stat(part, &st) < 0)
			return sp_fail(err, SP_E_UNSUPPORTED, 0,
			        "%s needs %s, which is not there; make it, or take that root out of the policy", whose, part);
		unsigned need = *end ? S_IXOTH : S_IXOTH | S_IROTH;
		if (S_ISDIR(st.st_mode) && (st.st_mode & need) != need)
			return sp_fail(err, SP_E_UNSUPPORTED, 0,
			        "%s needs %s, which is closed to other users than its owner (mode %04o); chmod o+%s %s", whose, part,
			        st.st_mode & 07777, *end ? "x" : "rx", part);
		if (!*end) break;
	}
	struct statvfs fs;
	if (statvfs(path, &fs) == 0 && fs.f_flag & ST_NOEXEC)
		return sp_fail(err, SP_E_UNSUPPORTED, 0,
		        "%s needs %s, which is mounted noexec, so that no program in it can be started; mount -o "
		        "remount,exec %s",
		        whose, path, path);
	return 0;
}

int sp_host_directories(const struct sp_policy *p, struct sp_err *err)
{
	char whose[SP_BOX_NAME_MAX + 16];
	struct stat st;

	for (size_t i = 0; i < SP_COUNT(tops); i++)
		if (strncmp(tops[i], "/etc/", 5) != 0 && stat(tops[i], &st) == 0 && check_reach(tops[i], "the root \"host\"", err) < 0)
			return -1;
	for (unsigned i = 1; i < p->nroots; i++) {
		snprintf(whose, sizeof whose, "the root \"%s\"", p->roots[i].name);
		if (check_reach(p->roots[i].path, whose, err) < 0) return -1;
	}
	return 0;
}

int sp_host_devices(struct sp_err *err)
{
	static const struct {
		const char *path;
		unsigned minor;
	} nodes[] = {{"/dev/null", 3}, {"/dev/zero", 5}, {"/dev/full", 7}, {"/dev/random", 8}, {"/dev/urandom", 9}};
	struct stat st;

	for (size_t i = 0; i < SP_COUNT(nodes); i++)
		if (stat(nodes[i].path, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, nodes[i].minor))
			return sp_fail(err, SP_E_UNSUPPORTED, 0, "%s is not that device; rm -f %s && mknod -m 666 %s c 1 %u", nodes[i].path,
			        nodes[i].path, nodes[i].path, nodes[i].minor);
	return 0;
}

/* ---- sockets and pipes */

#define LIKELY_MAX 20000 /* entries; some 10 ms when they are in memory */
#define DEPTH_MAX 64

struct search {
	unsigned odd, seen, most;
	char first[256];
	char path[PATH_MAX]; /* of the directory that is being read */
};

/* By the types in the directories' own entries: asking for each file of /usr would take several times as long. */
static void look_below(struct search *s, int at, const char *name, unsigned depth)
{
	size_t len = strlen(s->path), more = strlen(name);
	int fd = depth && len + more + 2 < sizeof s->path ? openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d && fd >= 0) close(fd);
	if (!d) return;
	snprintf(s->path + len, sizeof s->path - len, "%s%s", len ? "/" : "", name);
	for (struct dirent *e; s->seen < s->most && (e = readdir(d));) {
		unsigned char type = e->d_type;
		struct stat st;
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
		s->seen++;
		/* some file systems do not say */
		if (type == DT_UNKNOWN && fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0) type = IFTODT(st.st_mode);
		if (type == DT_DIR) look_below(s, fd, e->d_name, depth - 1);
		if ((type == DT_SOCK || type == DT_FIFO) && !s->odd++ &&
		        (size_t)snprintf(s->first, sizeof s->first, "%s/%s", s->path, e->d_name) >= sizeof s->first)
			memcpy(s->first + sizeof s->first - 4, "...", 4);
	}
	closedir(d);
	s->path[len] = 0;
}

static void look_in(struct search *s, const char *path) { look_below(s, AT_FDCWD, path, DEPTH_MAX); }

int sp_host_sockets(bool likely, struct sp_err *err)
{
	char point[PATH_MAX], more[48] = "";

	struct search s = {.most = likely ? LIKELY_MAX : UINT_MAX};
	if (likely) {
		FILE *f = fopen("/proc/self/mountinfo", "re");
		look_in(&s, "/usr/local");
		while (f && next_mount(f, "/usr/", point, sizeof point))
			if (strncmp(point, "/usr/local/", 11) != 0 && strcmp(point, "/usr/local") != 0) look_in(&s, point);
		if (f) fclose(f);
	} else {
		for (size_t i = 0; i < SP_COUNT(tops); i++) look_in(&s, tops[i]);
	}
	if (!s.odd) return 0;
	if (s.odd > 1) snprintf(more, sizeof more, ", and %u more", s.odd - 1);
	return sp_fail(err, SP_E_UNSUPPORTED, 0,
	        "programs could talk to the host through %s, a socket or named pipe%s; move it to /run, or write "
	        "\"host_sockets allow\" into the policy",
	        s.first, more);
}

void sp_host_mounts_below_usr(void (*tell)(const char *point))
{
	char point[PATH_MAX];
	FILE *f = fopen("/proc/self/mountinfo", "re");
	while (f && next_mount(f, "/usr/", point, sizeof point)) tell(point);
	if (f) fclose(f);
}
