/* SPDX-License-Identifier: MIT */
#include "box/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "box/die.h"
#include "box/path.h"
#include "box/sys.h"

static uint32_t le16(const unsigned char *p) { return (uint32_t)p[0] | (uint32_t)p[1] << 8; }
static uint32_t le32(const unsigned char *p) { return le16(p) | le16(p + 2) << 16; }

static int bad(struct sp_box_error *e, int errnum, const char *fmt, ...) SP_PRINTF(3, 4);
static int bad(struct sp_box_error *e, int errnum, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	sp_error_set(e, SP_BOX_E_FILES, errnum, fmt, ap);
	va_end(ap);
	return -1;
}

/* Invariant: below `dir` is nothing but directories and files that this function's caller made, so mkdirat cannot meet a link. */
static int make_parents(int dir, const char *path, struct sp_box_error *e)
{
	char part[SP_BOX_PATH_MAX + 1];
	for (const char *s = path; (s = strchr(s, '/')); s++) {
		size_t n = (size_t)(s - path);
		memcpy(part, path, n);
		part[n] = 0;
		if (mkdirat(dir, part, 0755) == 0) continue;
		struct stat st;
		if (errno != EEXIST) return bad(e, errno, "the directory \"%.200s\"", part);
		if (fstatat(dir, part, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode))
			return bad(e, 0, "\"%.200s\" is a file and a directory at once", part);
	}
	return 0;
}

static int make_file(int dir, const char *path, uint32_t mode, const unsigned char *p, size_t n, struct sp_box_error *e)
{
	if (make_parents(dir, path, e) < 0) return -1;
	/* O_EXCL: a name that comes twice is refused instead of overwritten. The resolve flags are the second lock on a door that
	 * sp_box_path_fault has shut: no component may lead out or through a link. */
	sp_autoclose int fd = sp_sys_openat2(dir, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode,
	        RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV);
	if (fd < 0 && errno == EEXIST) return bad(e, 0, "\"%.200s\" comes twice, or is a file and a directory at once", path);
	if (fd < 0 && errno == ENOTDIR) return bad(e, 0, "\"%.200s\" is below a file", path);
	if (fd < 0) return bad(e, errno, "creating \"%.200s\"", path);
	while (n) {
		ssize_t w = write(fd, p, n);
		if (w < 0 && errno == EINTR) continue;
		if (w <= 0) return bad(e, w < 0 ? errno : EIO, "writing \"%.200s\"", path);
		p += w;
		n -= (size_t)w;
	}
	return 0;
}

int sp_files_unpack(const void *archive, size_t n, int dir, struct sp_box_error *e)
{
	const unsigned char *p = archive, *end = p + n;

	if (n < 8 || le32(p) != SP_BOX_FILES_MAGIC) return bad(e, 0, "the archive of files has no header");
	uint32_t count = le32(p + 4);
	if (count > SP_BOX_FILES_COUNT_MAX) return bad(e, 0, "more than %u files", SP_BOX_FILES_COUNT_MAX);
	p += 8;
	for (uint32_t i = 0; i < count; i++) {
		if (end - p < 8) return bad(e, 0, "the archive of files ends inside file %u", i + 1);
		size_t path_len = le16(p), size = le32(p + 4);
		uint32_t mode = le16(p + 2);
		p += 8;
		if ((size_t)(end - p) < path_len || (size_t)(end - p) - path_len < size)
			return bad(e, 0, "the archive of files ends inside file %u", i + 1);
		const char *fault = sp_box_path_fault((const char *)p, path_len);
		if (fault) return bad(e, 0, "the path of file %u %s", i + 1, fault);
		if (mode != 0644 && mode != 0755) return bad(e, 0, "the mode of file %u is not 0644 or 0755", i + 1);
		char path[SP_BOX_PATH_MAX + 1];
		memcpy(path, p, path_len);
		path[path_len] = 0;
		if (make_file(dir, path, mode, p + path_len, size, e) < 0) return -1;
		p += path_len + size;
	}
	return p == end ? 0 : bad(e, 0, "the archive of files has bytes after its last file");
}

const char *sp_spec_parse(struct sp_spec *s, char *bytes, size_t n)
{
	const unsigned char *head = (const unsigned char *)bytes;
	if (n < 12 || le32(head) != SP_BOX_SPEC_MAGIC) return "the spec has no header";
	uint32_t argc = le32(head + 4), envc = le32(head + 8);
	if (argc < 1 || argc > SP_BOX_ARGV_MAX) return "the spec has no arguments, or too many";
	if (envc > SP_BOX_ENV_MAX) return "the spec has too many environment variables";

	char *p = bytes + 12, *end = bytes + n;
	for (uint32_t i = 0; i < argc + envc + 1; i++) {
		char *nul = p < end ? memchr(p, 0, (size_t)(end - p)) : NULL;
		if (!nul) return "the spec ends inside a string";
		if (i < argc) {
			s->argv[i] = p;
		} else if (i < argc + envc) {
			if (*p == '=' || !strchr(p, '=')) return "an environment entry is not NAME=value";
			s->envp[i - argc] = p;
		} else {
			s->cwd = p;
		}
		p = nul + 1;
	}
	s->argv[argc] = s->envp[envc] = NULL;
	if (p != end) return "the spec has bytes after its last string";
	if (!s->argv[0][0]) return "the program's name is empty";
	if (s->cwd[0] != '/') return "the working directory is not absolute";
	return NULL;
}
