/* SPDX-License-Identifier: MIT */
/* What the tests of COLLECT share: evaluations step by step, and everything that came, through the service's own parser, which believes nothing. */
#ifndef SP_TEST_COLLECT_KIT_H
#define SP_TEST_COLLECT_KIT_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "boxclient.h"
#include "runtime/records.h"

#define MS UINT64_C(1000000)
#define MIB (UINT64_C(1) << 20)
#define GOT_MAX 512

static struct bx box;
static int slot;

static inline int start(void **state)
{
	bx_start(&box, 2, NULL);
	slot = box.slot[0];
	return 0;
}

static inline int stop(void **state)
{
	bx_stop(&box);
	return 0;
}

/* ---- what came */

struct got {
	char path[SP_BOX_PATH_MAX + 1];
	size_t path_len, len;
	int64_t size;
	bool executable, whole;
	enum sp_missing missing;
	unsigned sum; /* of the contents */
	char text[64]; /* their beginning */
};

static struct {
	struct got one[GOT_MAX];
	unsigned n, more; /* more: than there is room for */
	struct sp_records records;
	bool ended;
	struct sp_box_done done;
} got;

static inline void on_file(void *cls, const struct sp_artifact *a)
{
	struct got *g = &got.one[got.n < GOT_MAX ? got.n++ : (got.more++, GOT_MAX - 1)];
	*g = (struct got){.path_len = a->path_len, .size = a->size, .executable = a->executable, .missing = a->missing};
	memcpy(g->path, a->path, a->path_len + 1);
}

static inline void on_data(void *cls, const char *p, size_t n)
{
	struct got *g = &got.one[got.n - 1];
	if (g->len < sizeof g->text - 1) memcpy(g->text + g->len, p, n < sizeof g->text - 1 - g->len ? n : sizeof g->text - 1 - g->len);
	for (size_t i = 0; i < n; i++) g->sum = g->sum * 31 + (unsigned char)p[i];
	g->len += n;
}

static inline void on_file_end(void *cls, bool whole) { got.one[got.n - 1].whole = whole; }

struct ask {
	const char *patterns[SP_BOX_PATTERNS_MAX + 1];
	struct sp_box_collect limits;
};

static inline struct sp_box_collect limits_of(const struct ask *a)
{
	struct sp_box_collect c = a->limits;
	if (!c.wall_ns) c.wall_ns = (uint64_t)bx_slow() * 20000 * MS;
	if (!c.cpu_ns) c.cpu_ns = (uint64_t)bx_slow() * 20000 * MS;
	if (!c.file_bytes) c.file_bytes = 64 * MIB;
	if (!c.total_bytes) c.total_bytes = 128 * MIB;
	if (!c.files) c.files = GOT_MAX;
	if (!c.depth) c.depth = 16;
	return c;
}

static inline int request_of(const struct ask *a)
{
	char *text;
	size_t n;
	FILE *f = open_memstream(&text, &n);
	uint32_t count = 0;
	while (a->patterns[count]) count++;
	BX_CHECK(f && fwrite("SPC1", 1, 4, f) == 4 && fwrite(&count, 1, 4, f) == 4);
	for (uint32_t i = 0; i < count; i++) fwrite(a->patterns[i], 1, strlen(a->patterns[i]) + 1, f);
	fclose(f);
	int fd = bx_memfd(text, n, true);
	free(text);
	return fd;
}

static inline void send_collect(const struct ask *a)
{
	struct sp_box_msg m = {.u.collect = limits_of(a)};
	int fd = request_of(a);
	bx_send(slot, SP_BOX_COLLECT, &m, &fd, 1);
	close(fd);
}

/* Everything in the pipe. */
static inline void read_records(const struct ask *a, int fd)
{
	static char piece[70000];
	struct sp_box_collect limits = limits_of(a);
	static struct sp_patterns patterns;
	struct sp_collect c = {.files_max = limits.files,
	        .file_bytes_max = (int64_t)limits.file_bytes,
	        .total_bytes_max = (int64_t)limits.total_bytes,
	        .depth_max = limits.depth,
	        .on_file = on_file,
	        .on_data = on_data,
	        .on_file_end = on_file_end};

	memset(&got, 0, sizeof got);
	for (patterns.n = 0; a->patterns[patterns.n]; patterns.n++)
		assert_null(sp_pattern_parse(&patterns.one[patterns.n], a->patterns[patterns.n]));
	sp_records_init(&got.records, &c, &patterns);
	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		BX_CHECK_MSG(poll(&p, 1, BX_WAIT_MS) == 1, "the records have no end");
		ssize_t n = read(fd, piece, sizeof piece);
		BX_CHECK(n >= 0);
		if (n == 0) break;
		const char *fault = sp_records_feed(&got.records, piece, (size_t)n);
		BX_CHECK_MSG(!fault, "records: %s", fault);
	}
	got.ended = sp_records_finish(&got.records);
	close(fd);
}

static inline int started(void)
{
	struct sp_box_msg m;
	int fds[SP_BOX_FDS_MAX];
	bx_expect(slot, SP_BOX_STARTED, &m, fds);
	BX_CHECK(m.nfds == 1);
	return fds[0];
}

static inline void take_done(void)
{
	struct sp_box_msg m;
	int fds[SP_BOX_FDS_MAX];
	bx_expect(slot, SP_BOX_DONE, &m, fds);
	got.done = m.u.done;
}

/* The whole of it; it must come to its end. */
static inline void collect(const struct ask *a)
{
	send_collect(a);
	read_records(a, started());
	take_done();
	BX_CHECK_MSG(got.done.ended == SP_BOX_EXITED && got.done.code == 0 && !got.done.killed_by,
	        "the collector ended %u code %d killed_by %u", got.done.ended, got.done.code, got.done.killed_by);
	BX_CHECK(got.ended);
}
#define COLLECT(...) collect(&(struct ask){.patterns = {__VA_ARGS__}})

static inline const struct got *find(const char *path)
{
	for (unsigned i = 0; i < got.n; i++)
		if (strcmp(got.one[i].path, path) == 0) return &got.one[i];
	bx_fail(__FILE__, __LINE__, "%s is not among the %u that came", path, got.n);
}

static inline void has(const char *path, const char *text)
{
	const struct got *g = find(path);
	BX_CHECK_MSG(g->missing == SP_MISSING_NOT && g->whole && g->len == strlen(text) && strcmp(g->text, text) == 0,
	        "%s: missing %d, \"%s\"", path, g->missing, g->text);
}

static inline void lacks(const char *path, enum sp_missing why)
{
	const struct got *g = find(path);
	BX_CHECK_MSG(g->missing == why, "%s: missing %d, not %d", path, g->missing, why);
}

/* All paths that came, in their order, the missing ones with a "!". */
static inline void paths(const char *wanted)
{
	static char list[4096];
	list[0] = 0;
	for (unsigned i = 0; i < got.n; i++)
		snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s%s", i ? " " : "", got.one[i].missing ? "!" : "",
		        got.one[i].path);
	assert_string_equal(list, wanted);
}

/* ---- evaluations */

static inline void step_of(struct bx_run run, int code)
{
	struct bx_result r = {0};
	bx_step(slot, &run);
	bx_collect(slot, &run, &r);
	BX_EXITED(&r, code);
	bx_free(&r);
}

/* BEGIN and a first step that has to go well. */
static inline void begin_with(struct bx_run run)
{
	struct sp_box_msg m;
	int fds[SP_BOX_FDS_MAX];
	bx_begin(slot, &run);
	bx_expect(slot, SP_BOX_BEGUN, &m, fds);
	step_of(run, 0);
}
#define BEGIN(script) begin_with(BX_SH("set -e; " script))
#define STEP(script) step_of(BX_SH("set -e; " script), 0)

/* The collector is never the reason that a slot is replaced. */
static inline void end_clean(void)
{
	struct bx_result r = {0};
	bx_end(slot, &r);
	BX_CHECK_MSG(r.ended.flags == 0, "the slot was not clean: flags %x", r.ended.flags);
}

static inline void works(int ch)
{
	struct bx_result r;
	bx_run(ch, &BX_SH("echo fine"), &r);
	BX_EXITED(&r, 0);
	assert_string_equal(r.out, "fine\n");
	bx_free(&r);
}

#endif
