/* SPDX-License-Identifier: MIT */
/* A collection with all that came of it. */
#ifndef SP_TESTS_CONTRACT_COLLECT_KIT_H
#define SP_TESTS_CONTRACT_COLLECT_KIT_H

#include "runtime_kit.h"

static const struct sp_collect kit_ask = {
        .files_max = 100, .file_bytes_max = 64 * MIB, .total_bytes_max = 64 * MIB, .depth_max = 8, .wall_ms = 20000, .cpu_ms = 20000};

struct kit_collect {
	struct sp_collect_result res;
	char log[2048]; /* a line a file: path, size with "x" before it if executable, then "=" and contents up to 16 bytes, "!" and why it is missing */
	int64_t bytes;
	int whole, cut;
	void (*at_data)(struct kit_collect *c); /* called once, at the first contents */
};

static inline void kit_log(struct kit_collect *c, const char *fmt, ...) SP_PRINTF(2, 3);
static inline void kit_log(struct kit_collect *c, const char *fmt, ...)
{
	size_t at = strlen(c->log);
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(c->log + at, sizeof c->log - at, fmt, ap);
	va_end(ap);
}

static inline void kit_on_file(void *cls, const struct sp_artifact *a)
{
	assert_int_equal(strlen(a->path), a->path_len);
	kit_log(cls, "%s %s%lld ", a->path, a->executable ? "x" : "", (long long)a->size);
	if (a->missing)
		kit_log(cls, "!%d\n", a->missing);
	else
		kit_log(cls, "=");
}

static inline void kit_on_data(void *cls, const char *p, size_t n)
{
	struct kit_collect *c = cls;
	void (*hook)(struct kit_collect *) = sp_steal(&c->at_data);

	c->bytes += (int64_t)n;
	if (n <= 16) kit_log(c, "%.*s", (int)n, p);
	if (hook) hook(c);
}

static inline void kit_on_file_end(void *cls, bool whole)
{
	struct kit_collect *c = cls;
	if (whole)
		c->whole++;
	else
		c->cut++;
	kit_log(c, "\n");
}

static inline int kit_collect_into(
        struct kit *k, const struct sp_collect *ask, struct kit_collect *c, struct sp_err *err, const char *const *patterns, size_t n)
{
	struct sp_collect with = *ask;

	with.patterns = patterns;
	with.npatterns = n;
	with.on_file = kit_on_file;
	with.on_data = kit_on_data;
	with.on_file_end = kit_on_file_end;
	with.cls = c;
	return sp_runtime_collect(k->r, k->slot, &with, &c->res, err);
}

static inline struct kit_collect kit_collect_list(struct kit *k, const struct sp_collect *ask, const char *const *patterns, size_t n)
{
	struct kit_collect c = {0};
	if (kit_collect_into(k, ask, &c, &k->err, patterns, n)) fail_msg("collect: %s", k->err.msg);
	return c;
}
#define KIT_LIST(...) (const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *)
#define kit_collect_as(k, ask, ...) kit_collect_list(k, ask, KIT_LIST(__VA_ARGS__))
#define kit_collect(k, ...) kit_collect_as(k, &kit_ask, __VA_ARGS__)
#define kit_try_collect(k, ask, err, ...) kit_collect_into(k, ask, &(struct kit_collect){0}, err, KIT_LIST(__VA_ARGS__))

#endif
