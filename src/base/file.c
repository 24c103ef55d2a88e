/* SPDX-License-Identifier: MIT */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U /* Linux 6.3 */
#endif

static enum sp_code code_of(int errnum) { return errnum == ENOENT ? SP_E_NOT_FOUND : SP_E_IO; }

static int read_into(int fd, const char *path, size_t max, struct sp_buf *out, struct sp_err *err)
{
	char chunk[16384];

	for (size_t got = 0;;) {
		/* One byte more than may come, to tell "exactly max" from "too long". */
		size_t want = max - got < sizeof(chunk) ? max - got + 1 : sizeof(chunk);
		ssize_t n = read(fd, chunk, want);
		if (n < 0 && errno == EINTR) continue;
		if (n < 0) return sp_fail(err, SP_E_IO, errno, "read %s", path);
		if (n == 0) return 0;
		if ((size_t)n > max - got) return sp_fail(err, SP_E_LIMIT, 0, "%s is longer than %zu bytes", path, max);
		if (sp_buf_add(out, chunk, (size_t)n)) return sp_fail(err, SP_E_LIMIT, 0, "%s does not fit into its buffer", path);
		got += (size_t)n;
	}
}

int sp_read_file(const char *path, size_t max, struct sp_buf *out, struct sp_err *err)
{
	sp_autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	size_t before = out->len;

	if (fd < 0) return sp_fail(err, code_of(errno), errno, "open %s", path);
	/* Room for nothing: an empty file leaves "" behind, not NULL. */
	if (sp_buf_add(out, "", 0)) return sp_fail(err, SP_E_LIMIT, 0, "%s does not fit into its buffer", path);
	if (read_into(fd, path, max, out, err) == 0) return 0;
	out->len = before;
	out->data[before] = '\0';
	return -1;
}

int sp_write_all(int fd, const void *p, size_t n, struct sp_err *err)
{
	const char *from = p;

	while (n) {
		ssize_t put = write(fd, from, n);
		if (put < 0 && errno == EINTR) continue;
		if (put < 0) return sp_fail(err, SP_E_IO, errno, "write");
		/* Zero for a nonempty write: asking again would never end. */
		if (put == 0) return sp_fail(err, SP_E_IO, EIO, "write");
		from += put;
		n -= (size_t)put;
	}
	return 0;
}

int sp_memfd_sealed(const char *name, const void *p, size_t n, struct sp_err *err)
{
	sp_autoclose int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	/* Hosts with vm.memfd_noexec=2 refuse a memfd that could be executed. Before Linux 6.3 the flag is unknown, so it is not the first try. */
	if (fd < 0 && errno == EACCES) fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
	if (fd < 0) return sp_fail(err, SP_E_IO, errno, "create memfd %s", name);
	if (sp_write_all(fd, p, n, err)) return sp_wrap(err, "fill memfd %s", name);
	if (lseek(fd, 0, SEEK_SET) != 0) return sp_fail(err, SP_E_IO, errno, "rewind memfd %s", name);
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) != 0)
		return sp_fail(err, SP_E_IO, errno, "seal memfd %s", name);
	return sp_steal_fd(&fd);
}

/* 0 when path is a directory afterwards, else the errno of mkdir. Whether it is there already is asked after the attempt, so
 * that two callers at once both succeed. */
static int make_dir(const char *path, mode_t mode)
{
	struct stat st;

	if (mkdir(path, mode) == 0) return 0;
	int why = errno;
	if (stat(path, &st) == 0) return S_ISDIR(st.st_mode) ? 0 : ENOTDIR;
	return why;
}

int sp_mkdir_p(const char *path, unsigned mode, struct sp_err *err)
{
	char part[PATH_MAX];
	size_t n = strlen(path);

	if (n == 0) return sp_fail(err, SP_E_INVALID, 0, "make directory: empty path");
	if (n >= sizeof(part)) return sp_fail(err, SP_E_INVALID, ENAMETOOLONG, "make directory");
	memcpy(part, path, n + 1);
	while (n > 1 && part[n - 1] == '/') part[--n] = '\0';

	for (char *slash = part + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		/* Parents must let their owner go on, whatever the last one is to be. */
		int why = make_dir(part, (mode_t)mode | 0300);
		if (why) return sp_fail(err, code_of(why), why, "make directory %s", part);
		*slash = '/';
	}
	int why = make_dir(part, (mode_t)mode);
	if (why) return sp_fail(err, code_of(why), why, "make directory %s", part);
	return 0;
}
