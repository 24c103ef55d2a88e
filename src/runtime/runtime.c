/* SPDX-License-Identifier: MIT */
/* The wrappers that callers use: they check what no back-end should have to, keep the error contract of runtime.h, and log times. */
#include "runtime/runtime.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "box/pattern.h"
#include "runtime/native.h"

/* Above these nothing sensible is asked for, and every conversion of units fits. */
#define WALL_MS_MAX (INT64_C(7) * 24 * 3600 * 1000)
#define BYTES_MAX (INT64_C(1) << 42)
#define COUNT_MAX (INT64_C(1) << 22)

struct sp_runtime *sp_runtime_open(const char *url, const struct sp_runtime_options *opt, struct sp_err *err)
{
	if (opt->slots < 1 || opt->slots > SP_BOX_SLOTS_MAX) {
		sp_fail(err, SP_E_INVALID, 0, "runtime: slots must be 1 to %d", SP_BOX_SLOTS_MAX);
		return NULL;
	}
	if (strcmp(url, "native") == 0) return sp_native_open(opt, &sp_native_tuning_default, err);
	sp_fail(err, SP_E_INVALID, 0, "runtime: unknown back-end \"%.100s\" (there is: native)", url);
	return NULL;
}

void sp_runtime_info(struct sp_runtime *r, struct sp_runtime_info *out)
{
	memset(out, 0, sizeof *out);
	r->ops->info(r, out);
}

/* runtime.h names the codes that callers meet; whatever else went wrong inside is SP_E_INTERNAL for them. */
static int report(struct sp_runtime *r, int slot, const char *what, struct sp_err *from, struct sp_err *to)
{
	if (from->code == SP_E_INVALID) {
		if (to) *to = *from;
		return -1;
	}
	if (from->code != SP_E_UNAVAILABLE) {
		from->code = SP_E_INTERNAL;
		from->retryable = false;
	}
	sp_wrap(from, "%s slot %d: %s", r->ops->name, slot, what);
	if (to) *to = *from;
	return -1;
}

static int check_between(const char *what, int64_t v, int64_t least, int64_t max, struct sp_err *err)
{
	if (v < least || v > max)
		return sp_fail(err, SP_E_INVALID, 0, "limit %s is %lld, must be %lld to %lld", what, (long long)v, (long long)least,
		        (long long)max);
	return 0;
}

static int check_range(const char *what, int64_t v, int64_t max, struct sp_err *err) { return check_between(what, v, 1, max, err); }

static int check_limits(const struct sp_limits *l, struct sp_err *err)
{
	if (check_range("wall_ms", l->wall_ms, WALL_MS_MAX, err) || check_range("cpu_ms", l->cpu_ms, WALL_MS_MAX, err)) return -1;
	if (check_range("memory_bytes", l->memory_bytes, BYTES_MAX, err) || check_range("files_bytes", l->files_bytes, BYTES_MAX, err))
		return -1;
	if (check_range("processes", l->processes, COUNT_MAX, err) || check_range("open_files", l->open_files, COUNT_MAX, err)) return -1;
	return check_range("output_bytes", l->output_bytes, BYTES_MAX, err);
}

int sp_runtime_begin(struct sp_runtime *r, int slot, const struct sp_workspace *w, struct sp_err *err)
{
	struct sp_err e = {0};
	int64_t t = sp_mono_ns();

	SP_BUG_ON(slot < 0 || !w->root || (w->nfiles && !w->files));
	if (check_range("files_bytes", w->files_bytes, BYTES_MAX, &e) || r->ops->begin(r, slot, w, &e))
		return report(r, slot, "begin", &e, err);
	sp_log_debug("runtime", "begin", SP_I("slot", slot), SP_I("files", w->nfiles), SP_MS("ms", sp_mono_ns() - t));
	return 0;
}

static void drop_output(void *cls, enum sp_stream stream, const char *p, size_t n) {}

int sp_runtime_step(struct sp_runtime *r, int slot, const struct sp_step *st, struct sp_step_result *out, struct sp_err *err)
{
	static const char *const none[] = {NULL};
	struct sp_err e = {0};
	struct sp_step step = *st;
	int64_t t = sp_mono_ns();

	SP_BUG_ON(slot < 0 || !st->argv);
	if (!step.env) step.env = none;
	if (!step.cwd) step.cwd = "/box";
	if (!step.on_output) step.on_output = drop_output;
	if (check_limits(&step.limits, &e) || r->ops->step(r, slot, &step, out, &e)) return report(r, slot, "step", &e, err);
	sp_log_debug("runtime", "step", SP_I("slot", slot), SP_I("code", out->code), SP_I("signaled", out->signaled),
	        SP_I("killed_by", out->killed_by), SP_MS("cpu_ms", out->cpu_ns), SP_MS("wall_ms", out->wall_ns),
	        SP_MS("setup_ms", out->setup_ns), SP_MS("ms", sp_mono_ns() - t));
	return 0;
}

static int check_collect(const struct sp_collect *c, struct sp_patterns *patterns, struct sp_err *err)
{
	if (check_range("wall_ms", c->wall_ms, WALL_MS_MAX, err) || check_range("cpu_ms", c->cpu_ms, WALL_MS_MAX, err) ||
	        check_range("files_max", c->files_max, SP_BOX_COLLECT_FILES_MAX, err) ||
	        check_between("file_bytes_max", c->file_bytes_max, 0, BYTES_MAX, err) ||
	        check_between("total_bytes_max", c->total_bytes_max, 0, BYTES_MAX, err) ||
	        check_range("depth_max", c->depth_max, SP_BOX_PATH_DEPTH_MAX, err) ||
	        check_range("npatterns", (int64_t)c->npatterns, SP_BOX_PATTERNS_MAX, err))
		return -1;
	patterns->n = (unsigned)c->npatterns;
	for (size_t i = 0; i < c->npatterns; i++) {
		const char *fault = sp_pattern_parse(&patterns->one[i], c->patterns[i]);
		if (fault) return sp_fail(err, SP_E_INVALID, 0, "pattern %zu %s: %.100s", i + 1, fault, c->patterns[i]);
	}
	return 0;
}

int sp_runtime_collect(struct sp_runtime *r, int slot, const struct sp_collect *c, struct sp_collect_result *out, struct sp_err *err)
{
	struct sp_err e = {0};
	struct sp_patterns patterns;
	int64_t t = sp_mono_ns();

	SP_BUG_ON(slot < 0 || (c->npatterns && !c->patterns) || !c->on_file || !c->on_data || !c->on_file_end);
	memset(out, 0, sizeof *out);
	if (check_collect(c, &patterns, &e) || r->ops->collect(r, slot, c, &patterns, out, &e)) return report(r, slot, "collect", &e, err);
	sp_log_debug("runtime", "collect", SP_I("slot", slot), SP_I("files", out->files), SP_I("bytes", out->bytes),
	        SP_I("missing", out->missing), SP_I("complete", out->complete), SP_I("killed_by", out->killed_by),
	        SP_MS("cpu_ms", out->cpu_ns), SP_MS("wall_ms", out->wall_ns), SP_MS("setup_ms", out->setup_ns),
	        SP_MS("ms", sp_mono_ns() - t));
	return 0;
}

void sp_runtime_end(struct sp_runtime *r, int slot) { r->ops->end(r, slot); }

void sp_runtime_interrupt(struct sp_runtime *r, int slot) { r->ops->interrupt(r, slot); }

int sp_runtime_healthy_slots(struct sp_runtime *r) { return r->ops->healthy_slots(r); }

void sp_runtime_close(struct sp_runtime *r)
{
	if (r) r->ops->close(r);
}
