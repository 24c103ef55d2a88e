/* SPDX-License-Identifier: MIT */
/*
 * The database's place on disk: directory and file with their modes, the lock file beside it, and no network file system.
 *
 * The lock is flock(2) on `<database>.lock`, held while the store is open. It proves that nobody else has the database, which is what lets open end all leases.
 * The file is never removed: a second process could otherwise lock the removed one while a third makes and locks a new one.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "store/sqlite_internal.h"

const char *sp_sqlite_network_fs(unsigned long f_type)
{
	/* Numbers of statfs(2) and linux/magic.h. FUSE is not among them: most of it is local, and it locks as it should. */
	static const struct {
		unsigned long type;
		const char *name;
	} known[] = {
	        {0x6969, "NFS"},
	        {0xff534d42, "CIFS"},
	        {0xfe534d42, "SMB2"},
	        {0x517b, "SMB"},
	        {0x01021997, "9p"},
	        {0x00c36400, "Ceph"},
	        {0x5346414f, "AFS"},
	        {0x6b414653, "AFS"},
	        {0x73757245, "Coda"},
	        {0x564c, "NCP"},
	};

	for (size_t i = 0; i < SP_COUNT(known); i++)
		if ((f_type & 0xffffffff) == known[i].type) return known[i].name;
	return NULL;
}

static int refuse_network_fs(const char *dir, struct sp_err *err)
{
	struct statfs fs;
	const char *name;

	/* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): the analyzer does not see that sp_fail returns -1, so that dir is set here */
	if (statfs(dir, &fs) != 0) return sp_fail(err, SP_E_IO, errno, "statfs %s", dir);
	if (!(name = sp_sqlite_network_fs((unsigned long)fs.f_type))) return 0;
	return sp_fail(err, SP_E_UNSUPPORTED, 0,
	        "%s is on a network file system (%s), where SQLite's locks do not hold and a database gets damaged; put it on a local "
	        "disk, or use PostgreSQL",
	        dir, name);
}

/* The one name of the file, whatever links lead to it: two names would be two locks. */
static int canonical(const char *given, char **dir, char **path, struct sp_err *err)
{
	const char *slash = strrchr(given, '/'), *base = slash ? slash + 1 : given;
	sp_autofree char *parent = slash ? sp_memdup0(given, slash == given ? 1 : (size_t)(slash - given)) : sp_strdup(".");

	if (!*base) return sp_fail(err, SP_E_INVALID, 0, "\"%s\" is not the path of a database file", given);
	struct sp_err why;
	if (sp_mkdir_p(parent, 0700, &why) != 0) return sp_fail(err, SP_E_IO, 0, "directory of the database: %s", why.msg);
	sp_autofree char *real = realpath(given, NULL);
	if (real) {
		char *last = strrchr(real, '/');
		*dir = sp_memdup0(real, last == real ? 1 : (size_t)(last - real));
		*path = sp_steal(&real);
		return 0;
	}
	if (errno != ENOENT) return sp_fail(err, SP_E_IO, errno, "%s", given);
	if (!(real = realpath(parent, NULL))) return sp_fail(err, SP_E_IO, errno, "%s", parent);
	*path = sp_asprintf("%s/%s", strcmp(real, "/") == 0 ? "" : real, base);
	*dir = sp_steal(&real);
	return 0;
}

/* What root makes in somebody's directory (a command on the command line, before the service ran for the first time) must be of use to that one. */
static int give_to_owner(int fd, const char *dir, const char *name, struct sp_err *err)
{
	struct stat st;

	if (geteuid() != 0) return 0;
	/* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): as above */
	if (stat(dir, &st) != 0) return sp_fail(err, SP_E_IO, errno, "%s", dir);
	if (fchown(fd, st.st_uid, st.st_gid) != 0) return sp_fail(err, SP_E_IO, errno, "chown %s", name);
	return 0;
}

/* *lock_fd stays -1 when another process has it and that is no error. */
static int take_lock(const char *dir, const char *path, bool beside, int *lock_fd, struct sp_err *err)
{
	sp_autofree char *name = sp_asprintf("%s.lock", path);
	sp_autoclose int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	char pid[24];

	if (fd < 0) return sp_fail(err, SP_E_IO, errno, "lock file %s", name);
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno != EWOULDBLOCK) return sp_fail(err, SP_E_IO, errno, "lock file %s", name);
		if (beside) return 0;
		ssize_t n = pread(fd, pid, sizeof(pid) - 1, 0);
		pid[n > 0 ? n : 0] = '\0';
		long other = strtol(pid, NULL, 10);
		/* Between its flock and its write the other has no number there yet. */
		if (other <= 0) return sp_fail(err, SP_E_CONFLICT, 0, "%s is in use by another process (lock file %s)", path, name);
		return sp_fail(err, SP_E_CONFLICT, 0, "%s is in use by process %ld (lock file %s)", path, other, name);
	}
	if (give_to_owner(fd, dir, name, err) != 0) return -1;
	int n = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
	if (ftruncate(fd, 0) != 0) return sp_fail(err, SP_E_IO, errno, "lock file %s", name);
	if (sp_write_all(fd, pid, (size_t)n, err) != 0) return sp_wrap(err, "lock file %s", name);
	*lock_fd = sp_steal_fd(&fd);
	return 0;
}

/* SQLite gives its companions (-wal, -shm) the mode of the database file, so making that one 0600 beforehand makes them all so, whatever the umask. */
static int make_file(const char *dir, const char *path, struct sp_err *err)
{
	sp_autoclose int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0 && errno == EEXIST) {
		struct stat st;
		if (stat(path, &st) != 0) return sp_fail(err, SP_E_IO, errno, "%s", path);
		return S_ISREG(st.st_mode) ? 0 : sp_fail(err, SP_E_IO, 0, "%s is not a file", path);
	}
	if (fd < 0) return sp_fail(err, SP_E_IO, errno, "create %s", path);
	if (give_to_owner(fd, dir, path, err) != 0) return -1;
	/* The name itself must survive a power cut, too. */
	sp_autoclose int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0 || fsync(dir_fd) != 0) return sp_fail(err, SP_E_IO, errno, "flush %s", dir);
	return 0;
}

int sp_sqlite_file_prepare(const char *given, bool beside, char **path, int *lock_fd, struct sp_err *err)
{
	sp_autofree char *dir = NULL, *full = NULL;
	sp_autoclose int fd = -1;

	if (canonical(given, &dir, &full, err) != 0) return -1;
	if (refuse_network_fs(dir, err) != 0) return -1;
	if (take_lock(dir, full, beside, &fd, err) != 0) return -1;
	/* Without the lock the file is made by who has it. */
	if (fd >= 0 && make_file(dir, full, err) != 0) return -1;
	*path = sp_steal(&full);
	*lock_fd = sp_steal_fd(&fd);
	return 0;
}

void sp_sqlite_file_unlock(int lock_fd)
{
	if (lock_fd < 0) return;
	/* An empty file: no stale number to be blamed. */
	if (ftruncate(lock_fd, 0) != 0) (void)0;
	close(lock_fd);
}
