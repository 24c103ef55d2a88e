/* SPDX-License-Identifier: MIT */
/*
 * The three memfds of box/protocol.h. The box checks everything again (it trusts nobody); what is refused here is refused because only here the
 * reason can name the caller's own words, and before a slot was touched.
 */
#include <errno.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "box/path.h"
#include "runtime/native.h"

static char *put_u16(char *p, uint16_t v)
{
	p[0] = (char)(v & 0xff);
	p[1] = (char)(v >> 8);
	return p + 2;
}

static char *put_u32(char *p, uint32_t v)
{
	for (int i = 0; i < 4; i++) p[i] = (char)(v >> (8 * i) & 0xff);
	return p + 4;
}

static char *put_bytes(char *p, const char *from, size_t n)
{
	if (n) memcpy(p, from, n);
	return p + n;
}

static int check_path(const char *path, struct sp_err *err)
{
	size_t len = path ? strnlen(path, SP_BOX_PATH_MAX + 1) : 0;
	unsigned depth = 0;

	if (!len) return sp_fail(err, SP_E_INVALID, 0, "a file has no path");
	if (len > SP_BOX_PATH_MAX)
		return sp_fail(err, SP_E_INVALID, 0, "a file's path is longer than %u bytes: %.60s…", SP_BOX_PATH_MAX, path);
	if (path[0] == '/') return sp_fail(err, SP_E_INVALID, 0, "a file's path must be relative: %.160s", path);
	for (const char *c = path;;) {
		const char *end = strchrnul(c, '/');
		size_t n = (size_t)(end - c);

		if (n == 0 || (n == 1 && c[0] == '.') || (n == 2 && c[0] == '.' && c[1] == '.'))
			return sp_fail(
			        err, SP_E_INVALID, 0, "a file's path may not have a part that is empty, \".\" or \"..\": %.140s", path);
		if (n > 255) return sp_fail(err, SP_E_INVALID, 0, "a part of a file's path is longer than 255 bytes: %.60s…", path);
		if (++depth > SP_BOX_PATH_DEPTH_MAX)
			return sp_fail(err, SP_E_INVALID, 0, "a file's path has more than %u parts: %.140s", SP_BOX_PATH_DEPTH_MAX, path);
		if (!*end) return 0;
		c = end + 1;
	}
}

static int by_path(const void *a, const void *b) { return sp_box_path_order(*(const char *const *)a, *(const char *const *)b); }

static int check_distinct(const struct sp_source_file *files, size_t n, struct sp_err *err)
{
	sp_autofree const char **sorted = sp_calloc(n, sizeof *sorted);

	for (size_t i = 0; i < n; i++) sorted[i] = files[i].path;
	qsort(sorted, n, sizeof *sorted, by_path);
	for (size_t i = 1; i < n; i++) {
		if (strcmp(sorted[i], sorted[i - 1]) == 0)
			return sp_fail(err, SP_E_INVALID, 0, "two files have the same path: %.160s", sorted[i]);
		if (sp_box_path_below(sorted[i - 1], sorted[i]))
			return sp_fail(err, SP_E_INVALID, 0, "%.80s is a file, and a directory of %.80s", sorted[i - 1], sorted[i]);
	}
	return 0;
}

int sp_native_pack_files(const struct sp_source_file *files, size_t n, int *fd, struct sp_err *err)
{
	size_t total = 8;

	*fd = -1;
	if (n == 0) return 0;
	if (n > SP_BOX_FILES_COUNT_MAX) return sp_fail(err, SP_E_INVALID, 0, "more than %u files", SP_BOX_FILES_COUNT_MAX);
	for (size_t i = 0; i < n; i++) {
		if (check_path(files[i].path, err)) return -1;
		if (files[i].size > SP_BOX_FILES_BYTES_MAX)
			return sp_fail(err, SP_E_INVALID, 0, "a file is too large: %.160s", files[i].path);
		total += 8 + strlen(files[i].path) + files[i].size;
		if (total > SP_BOX_FILES_BYTES_MAX)
			return sp_fail(err, SP_E_INVALID, 0, "the files are larger than %u MiB together", SP_BOX_FILES_BYTES_MAX >> 20);
	}
	if (check_distinct(files, n, err)) return -1;

	sp_autofree char *data = sp_try_alloc(total);
	if (!data) return sp_fail(err, SP_E_UNAVAILABLE, ENOMEM, "pack %zu bytes of files", total);
	char *p = put_u32(data, SP_BOX_FILES_MAGIC);
	p = put_u32(p, (uint32_t)n);
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(files[i].path);

		p = put_u16(p, (uint16_t)len);
		p = put_u16(p, files[i].executable ? 0755 : 0644);
		p = put_u32(p, (uint32_t)files[i].size);
		p = put_bytes(p, files[i].path, len);
		p = put_bytes(p, files[i].data, files[i].size);
	}
	*fd = sp_memfd_sealed("serapis-files", data, total, err);
	return *fd < 0 ? -1 : 0;
}

int sp_native_pack_spec(const struct sp_step *st, int *fd, struct sp_err *err)
{
	size_t argc = 0, envc = 0, total = 12;

	*fd = -1;
	/* The bound is looked at within the loops: neither list may be walked without end. */
	for (; st->argv[argc]; argc++) {
		if (argc == SP_BOX_ARGV_MAX) return sp_fail(err, SP_E_INVALID, 0, "more than %u arguments", SP_BOX_ARGV_MAX);
		total += strnlen(st->argv[argc], SP_BOX_SPEC_BYTES_MAX) + 1;
		if (total > SP_BOX_SPEC_BYTES_MAX) break;
	}
	for (; total <= SP_BOX_SPEC_BYTES_MAX && st->env[envc]; envc++) {
		const char *e = st->env[envc];

		if (envc == SP_BOX_ENV_MAX) return sp_fail(err, SP_E_INVALID, 0, "more than %u environment variables", SP_BOX_ENV_MAX);
		if (!strchr(e, '=') || e[0] == '=') return sp_fail(err, SP_E_INVALID, 0, "not NAME=value in the environment: %.100s", e);
		total += strnlen(e, SP_BOX_SPEC_BYTES_MAX) + 1;
	}
	total += strnlen(st->cwd, SP_BOX_PATH_MAX + 1) + 1;
	if (st->path) total += strnlen(st->path, SP_BOX_SPEC_BYTES_MAX) + 1;
	if (total > SP_BOX_SPEC_BYTES_MAX)
		return sp_fail(
		        err, SP_E_INVALID, 0, "arguments and environment are larger than %u KiB together", SP_BOX_SPEC_BYTES_MAX >> 10);
	if (argc == 0 || !st->argv[0][0]) return sp_fail(err, SP_E_INVALID, 0, "there is no command");
	if (st->cwd[0] != '/' || strnlen(st->cwd, SP_BOX_PATH_MAX + 1) > SP_BOX_PATH_MAX)
		return sp_fail(err, SP_E_INVALID, 0, "the working directory must be an absolute path: %.100s", st->cwd);

	sp_autofree char *data = sp_try_alloc(total);
	if (!data) return sp_fail(err, SP_E_UNAVAILABLE, ENOMEM, "pack %zu bytes of arguments", total);
	char *p = put_u32(data, SP_BOX_SPEC_MAGIC);
	p = put_u32(p, (uint32_t)argc);
	p = put_u32(p, (uint32_t)envc);
	for (size_t i = 0; i < argc; i++) p = put_bytes(p, st->argv[i], strlen(st->argv[i]) + 1);
	for (size_t i = 0; i < envc; i++) p = put_bytes(p, st->env[i], strlen(st->env[i]) + 1);
	p = put_bytes(p, st->cwd, strlen(st->cwd) + 1);
	if (st->path) put_bytes(p, st->path, strlen(st->path) + 1);
	*fd = sp_memfd_sealed("serapis-spec", data, total, err);
	return *fd < 0 ? -1 : 0;
}

int sp_native_pack_request(const struct sp_patterns *patterns, int *fd, struct sp_err *err)
{
	char data[SP_BOX_REQUEST_BYTES_MAX], *p = put_u32(put_u32(data, SP_BOX_REQUEST_MAGIC), patterns->n);

	/* They were parsed: none is longer than SP_BOX_PATH_MAX. */
	for (unsigned i = 0; i < patterns->n; i++) p = put_bytes(p, patterns->one[i].text, strlen(patterns->one[i].text) + 1);
	*fd = sp_memfd_sealed("serapis-request", data, (size_t)(p - data), err);
	return *fd < 0 ? -1 : 0;
}
