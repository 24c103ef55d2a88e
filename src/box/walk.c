/* SPDX-License-Identifier: MIT */
/*
 * The order is that of the names, not of the directory: which files are sent when not all can be, and in which order, must not depend on the kernel's way
 * to keep a directory. It is also how the service finds at once a path that comes twice. So the names of a directory are read into a list
 * first, those that can matter, and sorted there; the lists of the directories above wait below it in the same memory, as on a stack.
 */
#include "box/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "box/sys.h"

#define STAY (RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV)
#define LOOK (STATX_TYPE | STATX_MODE | STATX_SIZE | STATX_BLOCKS)
/* A file may have more than it holds, up to the end of its last page, and pages may be large ones. */
#define PAGE_SLACK (UINT64_C(2) << 20)

/* A name of a directory, in the memory. References are offsets; 0 is none. */
struct name {
	uint32_t next;
	uint16_t len;
	char text[]; /* terminated */
};

struct level {
	int fd;
	uint32_t names, mark; /* what is left to do; the memory's top before */
	size_t path; /* length of the directory's path with its '/' */
	uint64_t states[SP_BOX_PATTERNS_MAX];
};

static struct {
	const struct sp_walk *w;
	struct level levels[SP_BOX_PATH_DEPTH_MAX];
	unsigned depth; /* levels in use */
	uint32_t top; /* of the memory */
	uint64_t states[SP_BOX_PATTERNS_MAX]; /* of the name at hand */
	bool stop;
	int why; /* errno of the pipe */
	uint32_t hits, files, skipped;
	uint64_t bytes;
	char path[SP_BOX_PATH_MAX + 1];
	size_t used;
	unsigned char buf[2 * SP_BOX_CHUNK_MAX];
	_Alignas(struct dirent64) char dirents[32 << 10];
} g;

/* ---- records */

static void flush(void)
{
	for (size_t at = 0; at < g.used && !g.why;) {
		ssize_t n = write(g.w->out, g.buf + at, g.used - at);
		if (n >= 0)
			at += (size_t)n;
		else if (errno != EINTR)
			g.why = errno;
	}
	g.used = 0;
	if (g.why) g.stop = true;
}

static void put(uint64_t v, unsigned bytes)
{
	if (sizeof g.buf - g.used < bytes) flush();
	for (unsigned i = 0; i < bytes; i++) g.buf[g.used++] = (unsigned char)(v >> 8 * i);
}

static void put_head(enum sp_box_record kind, unsigned detail, size_t path, uint64_t size)
{
	put(kind, 1);
	put(detail, 1);
	put(path, 2);
	put(size, 8);
	if (sizeof g.buf - g.used < path) flush();
	memcpy(g.buf + g.used, g.path, path);
	g.used += path;
}

static void skip(enum sp_box_skip why, size_t path, uint64_t size)
{
	if (g.skipped++ < SP_BOX_SKIPS_MAX)
		put_head(SP_BOX_RECORD_SKIPPED, why, path, size);
	else
		g.hits |= SP_BOX_HIT_SKIPS;
}

static void send_contents(int fd, uint64_t left)
{
	while (left && !g.stop) {
		if (sizeof g.buf - g.used < 4 + SP_BOX_CHUNK_MAX / 2) flush();
		size_t room = sizeof g.buf - g.used - 4, want = left < room ? (size_t)left : room;
		if (want > SP_BOX_CHUNK_MAX) want = SP_BOX_CHUNK_MAX;
		ssize_t n = read(fd, g.buf + g.used + 4, want);
		if (n < 0 && errno == EINTR) continue;
		if (n <= 0) break;
		put((uint64_t)n, 4);
		g.used += (size_t)n;
		left -= (uint64_t)n;
	}
	put(0, 4);
}

/* ---- names */

static struct name *name_at(uint32_t at) { return (struct name *)(void *)((char *)g.w->memory + at); }

/* Of two sorted lists; the names of a directory are all different. */
static uint32_t merge(uint32_t a, uint32_t b)
{
	uint32_t first = 0, *end = &first;
	while (a && b) {
		uint32_t *least = strcmp(name_at(a)->text, name_at(b)->text) < 0 ? &a : &b;
		*end = *least;
		end = &name_at(*least)->next;
		*least = *end;
	}
	*end = a ? a : b;
	return first;
}

/* Bin i holds nothing or a sorted list of 2^i names. In place, as there is no more memory to be had. */
static uint32_t sort(uint32_t list)
{
	uint32_t bins[32] = {0}, all = 0;
	while (list) {
		uint32_t run = list;
		unsigned i = 0;
		list = name_at(run)->next;
		name_at(run)->next = 0;
		for (; i < 31 && bins[i]; i++) {
			run = merge(bins[i], run);
			bins[i] = 0;
		}
		bins[i] = bins[i] ? merge(bins[i], run) : run;
	}
	for (unsigned i = 0; i < 32; i++) all = merge(all, bins[i]);
	return all;
}

/* The states of a name below a level, into g.states: whether a pattern may match it as a file, and something below it as a directory. */
static void match(const struct level *l, const char *name, size_t n, bool *full, bool *open)
{
	*full = *open = false;
	for (unsigned i = 0; i < g.w->patterns->n; i++) {
		const struct sp_pattern *p = &g.w->patterns->one[i];
		g.states[i] = l->states[i] ? sp_pattern_enter(p, l->states[i], name, n) : 0;
		*full |= sp_pattern_full(p, g.states[i]);
		*open |= sp_pattern_open(p, g.states[i]);
	}
}

static void add_name(struct level *l, const char *text)
{
	size_t len = strlen(text), size = (sizeof(struct name) + len + 1 + 7) / 8 * 8;
	bool full, open;

	if (text[0] == '.' && (len == 1 || (len == 2 && text[1] == '.'))) return;
	match(l, text, len, &full, &open);
	if (!full && !open) return;
	if (g.w->size - g.top < size) {
		g.hits |= SP_BOX_HIT_NAMES;
		return;
	}
	struct name *n = name_at(g.top);
	n->next = l->names;
	n->len = (uint16_t)len;
	memcpy(n->text, text, len + 1);
	l->names = g.top;
	g.top += (uint32_t)size;
}

static void list(struct level *l)
{
	ssize_t n;
	while ((n = getdents64(l->fd, g.dirents, sizeof g.dirents)) > 0) {
		for (ssize_t at = 0; at < n;) {
			const struct dirent64 *e = (const struct dirent64 *)(const void *)(g.dirents + at);
			add_name(l, e->d_name);
			at += e->d_reclen;
		}
	}
	if (n < 0) g.hits |= SP_BOX_HIT_UNREADABLE;
	l->names = sort(l->names);
}

/* ---- the walk */

/* g.states are those of the directory. */
static void enter(int fd, size_t path)
{
	struct level *l = &g.levels[g.depth++];
	*l = (struct level){.fd = fd, .mark = g.top, .path = path};
	memcpy(l->states, g.states, sizeof l->states);
	list(l);
}

static void leave(void)
{
	struct level *l = &g.levels[--g.depth];
	close(l->fd);
	g.top = l->mark;
}

static int open_below(const struct level *l, const char *name, uint64_t more)
{
	/* O_NONBLOCK, O_NOCTTY: for what is not the kind of file that it was taken for. */
	return sp_sys_openat2(l->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | more, 0, STAY);
}

static void visit_directory(const struct level *l, const char *name, size_t path)
{
	if (g.depth >= g.w->limits.depth || path >= SP_BOX_PATH_MAX) {
		g.hits |= SP_BOX_HIT_DEEP;
		skip(SP_BOX_SKIP_DEEP, path, 0);
		return;
	}
	int fd = open_below(l, name, O_DIRECTORY);
	if (fd < 0) {
		g.hits |= SP_BOX_HIT_UNREADABLE;
		skip(SP_BOX_SKIP_UNREADABLE, path, 0);
		return;
	}
	g.path[path] = '/';
	enter(fd, path + 1);
}

static bool over(uint64_t allocated, uint64_t limit) { return allocated > limit && allocated - limit > PAGE_SLACK; }

static void visit_file(const struct level *l, const char *name, size_t path, uint64_t size)
{
	struct statx st;

	if (g.files == g.w->limits.files) {
		g.hits |= SP_BOX_HIT_FILES;
		g.stop = true;
		return;
	}
	int fd = open_below(l, name, 0);
	if (fd < 0) {
		skip(SP_BOX_SKIP_UNREADABLE, path, size);
		return;
	}
	if (statx(fd, "", AT_EMPTY_PATH, LOOK, &st) < 0 || !S_ISREG(st.stx_mode)) {
		skip(SP_BOX_SKIP_SPECIAL, path, 0);
	} else if (st.stx_size > g.w->limits.file_bytes || over(st.stx_blocks * 512, g.w->limits.file_bytes)) {
		skip(SP_BOX_SKIP_LARGE, path, st.stx_size);
	} else if (st.stx_size > g.w->limits.total_bytes - g.bytes) {
		g.hits |= SP_BOX_HIT_TOTAL;
		skip(SP_BOX_SKIP_TOTAL, path, st.stx_size);
	} else {
		g.files++;
		g.bytes += st.stx_size;
		put_head(SP_BOX_RECORD_FILE, !!(st.stx_mode & S_IXUSR), path, st.stx_size);
		send_contents(fd, st.stx_size);
	}
	close(fd);
}

static void visit(const struct level *l, const struct name *n)
{
	struct statx st;
	bool full, open;

	if (l->path + n->len > SP_BOX_PATH_MAX) {
		g.hits |= SP_BOX_HIT_DEEP;
		return;
	}
	memcpy(g.path + l->path, n->text, n->len);
	size_t path = l->path + n->len;
	match(l, n->text, n->len, &full, &open);
	if (statx(l->fd, n->text, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, LOOK, &st) < 0) {
		skip(SP_BOX_SKIP_UNREADABLE, path, 0);
	} else if (S_ISDIR(st.stx_mode)) {
		if (open) visit_directory(l, n->text, path);
	} else if (full) {
		if (S_ISREG(st.stx_mode))
			visit_file(l, n->text, path, st.stx_size);
		else
			skip(S_ISLNK(st.stx_mode) ? SP_BOX_SKIP_LINK : SP_BOX_SKIP_SPECIAL, path, 0);
	}
}

int sp_walk_run(const struct sp_walk *w)
{
	memset(&g, 0, sizeof g);
	g.w = w;
	g.top = 8; /* 0 is no name */
	for (unsigned i = 0; i < w->patterns->n; i++) g.states[i] = sp_pattern_start(&w->patterns->one[i]);
	put(SP_BOX_RECORDS_MAGIC, 4);
	if (w->root < 0)
		g.hits |= SP_BOX_HIT_UNREADABLE;
	else
		enter(w->root, 0);
	while (g.depth) {
		struct level *l = &g.levels[g.depth - 1];
		if (!l->names || g.stop) {
			leave();
			continue;
		}
		const struct name *n = name_at(l->names);
		l->names = n->next;
		visit(l, n);
	}
	put_head(SP_BOX_RECORD_END, 0, 0, 0);
	put(g.hits, 4);
	put(g.files, 4);
	put(g.skipped, 4);
	put(g.bytes, 8);
	flush();
	errno = g.why;
	return g.why ? -1 : 0;
}
