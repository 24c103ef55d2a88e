/* SPDX-License-Identifier: MIT */
/*
 * Judging: from what the stages did to status, verdict, reason and the stored form of the result.
 *
 * Stored form of a result, version 1: a JSON object of what the API shows and nobody queries
 *
 *     {"v":1, "reason":{…}|null, "runtime":{version,start}, "truncated":[…], "limits_hit":[…], "compile":{…}|null, "usage":{…}|null, "timing":{…},
 *      "enforced":[…]}
 *
 * with compile lacking its output, which is bytes and stored beside. To change it: readers (view.c) take an absent key as unknown, so keys are added
 * without counting v up; a key is never given another meaning.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "core/result.h"

#define VERSION 1

/* ---- what a stage ran into ---- */

/* In order of precedence, service-rules.md section 4. */
enum hit { HIT_MEMORY, HIT_CPU, HIT_WALL, HIT_OUTPUT, HIT_DISK, HIT_PROCESSES, HITS };
static const char *const hit_names[HITS] = {"memory_limit", "cpu_limit", "wall_limit", "output_limit", "disk_limit", "process_limit"};

static bool failed(const struct sp_step_result *r) { return r->signaled || r->code != 0; }

static void find_hits(const struct sp_step_result *r, bool hits[HITS])
{
	hits[HIT_MEMORY] = r->oom;
	hits[HIT_CPU] = r->killed_by == SP_KILLED_CPU;
	hits[HIT_WALL] = r->killed_by == SP_KILLED_WALL;
	hits[HIT_OUTPUT] = r->killed_by == SP_KILLED_OUTPUT || r->truncated[SP_STDOUT] || r->truncated[SP_STDERR];
	/* A write past the file size limit ends in this signal and leaves the tree with room. */
	hits[HIT_DISK] = r->tree_full || (r->signaled && r->code == SIGXFSZ);
	hits[HIT_PROCESSES] = r->pids_hit;
}

/* The limit that this stage failed by, or HITS. Some end a program by themselves; the others count if it then failed. */
static enum hit fatal_hit(const struct sp_step_result *r, const bool hits[HITS])
{
	if (!failed(r)) return HITS;
	for (enum hit h = 0; h < HITS; h++) {
		if (!hits[h]) continue;
		if (h == HIT_OUTPUT && r->killed_by != SP_KILLED_OUTPUT) continue; /* cut output alone makes nothing fail */
		return h;
	}
	return HITS;
}

/* ---- reasons ---- */

static void say(
        char *out, size_t size, const char *who, enum hit h, const struct sp_limits *l, const char *wall_limit, const char *cpu_limit)
{
	switch (h) {
	case HIT_MEMORY:
		snprintf(out, size, "%sused more than %" PRId64 " bytes of memory (limit memory_bytes)", who, l->memory_bytes);
		break;
	case HIT_CPU: snprintf(out, size, "%sstopped after %" PRId64 " ms of CPU time (limit %s)", who, l->cpu_ms, cpu_limit); break;
	case HIT_WALL: snprintf(out, size, "%sstopped after %" PRId64 " ms of wall time (limit %s)", who, l->wall_ms, wall_limit); break;
	case HIT_OUTPUT:
		snprintf(out, size, "%sstopped after printing 16 times %" PRId64 " bytes (limit output_bytes)", who, l->output_bytes);
		break;
	case HIT_DISK:
		snprintf(out, size, "%sfailed with %" PRId64 " bytes of files used up (limit files_bytes)", who, l->files_bytes);
		break;
	case HIT_PROCESSES:
		snprintf(out, size, "%sfailed after it was refused a process or thread over %" PRId64 " (limit processes)", who,
		        l->processes);
		break;
	case HITS: out[0] = '\0'; break;
	}
}

static json_t *reason(const char *code, bool retryable, const char *fmt, ...) SP_PRINTF(3, 4);
static json_t *reason(const char *code, bool retryable, const char *fmt, ...)
{
	char message[320];
	va_list ap;
	json_t *o = json_object();

	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	json_object_set_new(o, "code", json_string(code));
	json_object_set_new(o, "message", json_string(message));
	json_object_set_new(o, "retryable", json_boolean(retryable));
	return o;
}

/* ---- the verdict ---- */

struct judgement {
	enum sp_status status;
	const char *verdict;
	json_t *reason;
};

static struct judgement judge_compile(const struct sp_outcome *o, enum hit h)
{
	const struct sp_step_result *r = &o->compile.r;
	struct sp_limits l = sp_limits_of_compile(&o->request->limits);
	struct judgement j = {SP_STATUS_FINISHED, "compile_error", NULL};
	char message[200];

	say(message, sizeof(message), "the compiler ", h, &l, "compile_wall_ms", "compile_wall_ms");
	if (h != HITS) {
		/* "the compiler stopped after" would read as if it had done so by itself. */
		bool stopped = strncmp(message + strlen("the compiler "), "stopped", 7) == 0;
		j.reason = reason(hit_names[h], false, "the compiler %s%s", stopped ? "was " : "", message + strlen("the compiler "));
	} else if (r->signaled) {
		j.reason = reason("compile_error", false, "the compiler was ended by %s", sp_signal_name(r->code));
	} else {
		j.reason = reason("compile_error", false, "the compiler ended with exit code %d", r->code);
	}
	return j;
}

static struct judgement judge_expected(const struct sp_outcome *o)
{
	const struct sp_output *out = &o->run.output;
	struct sp_bytes all = {.p = out->bytes.data, .n = out->bytes.len}, segments = {.p = out->segments.data, .n = out->segments.len};
	struct judgement j = {SP_STATUS_FINISHED, "wrong_answer", NULL};
	struct sp_buf got;

	if (o->run.r.truncated[SP_STDOUT]) {
		j.reason = reason("wrong_answer", false,
		        "stdout is longer than what is kept of it (limit output_bytes), so it cannot be the expected output");
		return j;
	}
	sp_buf_init(&got, all.n + 1);
	bool whole = sp_output_stream(&all, &segments, SP_STDOUT, &got) == 0;
	struct sp_bytes stdout_ = {.p = got.data, .n = got.len};
	bool equal = whole && sp_output_equal(&stdout_, &o->request->expected_output, o->request->compare_exact);
	if (got.failed) sp_out_of_memory();
	sp_buf_fini(&got);
	if (equal) return (struct judgement){SP_STATUS_FINISHED, "ok", NULL};
	j.reason = reason("wrong_answer", false, "stdout is not the expected output");
	return j;
}

static struct judgement judge_run(const struct sp_outcome *o, enum hit h)
{
	const struct sp_step_result *r = &o->run.r;
	const struct sp_limits *l = &o->request->limits.run;
	struct judgement j = {h == HIT_CPU || h == HIT_WALL ? SP_STATUS_TIMEOUT : SP_STATUS_FINISHED, NULL, NULL};
	char message[200];

	if (h != HITS) {
		say(message, sizeof(message), h == HIT_DISK || h == HIT_PROCESSES ? "the program " : "", h, l, "wall_ms", "cpu_ms");
		j.verdict = hit_names[h];
		j.reason = reason(j.verdict, false, "%s", message);
	} else if (r->signaled) {
		j.verdict = "signal";
		j.reason = reason(j.verdict, false, "the program was ended by %s", sp_signal_name(r->code));
	} else if (r->code != 0) {
		j.verdict = "nonzero_exit";
		j.reason = reason(j.verdict, false, "the program ended with exit code %d", r->code);
	} else if (o->request->has_expected) {
		return judge_expected(o);
	} else {
		j.verdict = "ok";
	}
	return j;
}

static struct judgement judge(const struct sp_outcome *o, const struct sp_stage_run *last, enum hit h)
{
	if (o->canceled) return (struct judgement){SP_STATUS_CANCELED, NULL, reason("canceled", false, "canceled on request")};
	if (o->failure.code != SP_OK)
		return (struct judgement){SP_STATUS_FAILED, "internal_error",
		        reason(o->failure_code ? o->failure_code : "internal_error", o->failure.retryable, "%s", o->failure.msg)};
	if (!last) return (struct judgement){SP_STATUS_FAILED, "internal_error", reason("internal_error", true, "nothing was run")};
	if (last->r.killed_by == SP_KILLED_CALLER)
		return (struct judgement){
		        SP_STATUS_FAILED, "internal_error", reason("interrupted", true, "the evaluator stopped the program")};
	/* Another's appetite may not become this program's verdict. A limit of its own that it hit as well is still its own. */
	if (last->r.host_oom && failed(&last->r) && h == HITS)
		return (struct judgement){SP_STATUS_FAILED, "internal_error",
		        reason("host_memory", true,
		                "the evaluator's machine had no memory left, and a process that was below its limit was ended")};
	return last == &o->run ? judge_run(o, h) : judge_compile(o, h);
}

/* ---- the stored form ---- */

/* Milliseconds with three decimals; whole ones as integers. */
static json_t *ms(int64_t ns)
{
	int64_t us = (ns + 500) / 1000;
	return us % 1000 == 0 ? json_integer(us / 1000) : json_real((double)us / 1000.0);
}

static json_t *truncated_json(const struct sp_stage_run *last)
{
	json_t *a = json_array();

	if (last && last->r.truncated[SP_STDOUT]) json_array_append_new(a, json_string("stdout"));
	if (last && last->r.truncated[SP_STDERR]) json_array_append_new(a, json_string("stderr"));
	return a;
}

static json_t *limits_hit_json(const bool hits[HITS], const char *verdict, enum hit fatal)
{
	json_t *a = json_array();

	for (enum hit h = 0; h < HITS; h++)
		if (hits[h] && h != fatal && (!verdict || strcmp(verdict, hit_names[h]) != 0))
			json_array_append_new(a, json_string(hit_names[h]));
	return a;
}

static json_t *compile_json(const struct sp_stage_run *c)
{
	json_t *o = json_object();

	if (!c->ran) {
		json_decref(o);
		return json_null();
	}
	json_object_set_new(o, "exit_code", c->r.signaled ? json_null() : json_integer(c->r.code));
	json_object_set_new(o, "truncated", json_boolean(c->r.truncated[SP_STDOUT] || c->r.truncated[SP_STDERR]));
	json_object_set_new(o, "cached", json_false());
	json_object_set_new(o, "cpu_ms", ms(c->r.cpu_ns));
	json_object_set_new(o, "wall_ms", ms(c->r.wall_ns));
	return o;
}

static json_t *usage_json(const struct sp_stage_run *last)
{
	if (!last) return json_null();
	json_t *o = json_object();
	json_object_set_new(o, "cpu_ms", ms(last->r.cpu_ns));
	json_object_set_new(o, "wall_ms", ms(last->r.wall_ns));
	json_object_set_new(o, "memory_peak_bytes", json_integer(last->r.memory_peak_bytes));
	return o;
}

static json_t *timing_json(const struct sp_outcome *o)
{
	const struct sp_stage_run *c = &o->compile, *r = &o->run;
	json_t *t = json_object();

	json_object_set_new(t, "queue_ms", ms(o->queue_ns));
	json_object_set_new(t, "prepare_ms", ms(o->prepare_ns));
	json_object_set_new(t, "setup_ms", ms((c->ran ? c->r.setup_ns : 0) + (r->ran ? r->r.setup_ns : 0)));
	json_object_set_new(t, "compile_ms", ms(c->ran ? c->r.wall_ns : 0));
	json_object_set_new(t, "run_ms", ms(r->ran ? r->r.wall_ns : 0));
	json_object_set_new(t, "total_ms", ms(o->total_ns));
	return t;
}

static json_t *runtime_json(const struct sp_outcome *o)
{
	json_t *r = json_object();

	json_object_set_new(r, "version", o->runtime_version && *o->runtime_version ? json_string(o->runtime_version) : json_null());
	json_object_set_new(r, "start", o->start ? json_string(o->start) : json_null());
	return r;
}

static json_t *enforced_json(unsigned bits)
{
	static const struct {
		unsigned bit;
		const char *name;
	} names[] = {{SP_ENFORCED_IDS, "ids"}, {SP_ENFORCED_MEMORY, "memory"}, {SP_ENFORCED_PIDS, "pids"}, {SP_ENFORCED_CPU, "cpu"},
	        {SP_ENFORCED_SECCOMP, "seccomp"}, {SP_ENFORCED_NETWORK, "network"}};
	json_t *a = json_array();

	for (size_t i = 0; i < SP_COUNT(names); i++)
		if (bits & names[i].bit) json_array_append_new(a, json_string(names[i].name));
	return a;
}

static struct sp_bytes borrow(const struct sp_buf *b) { return (struct sp_bytes){.p = b->data, .n = b->len}; }

void sp_outcome_judge(const struct sp_outcome *o, struct sp_finish *out, struct sp_finish_hold *hold)
{
	const struct sp_stage_run *last = o->run.ran ? &o->run : o->compile.ran ? &o->compile : NULL;
	bool hits[HITS] = {false};
	enum hit fatal = HITS;

	*hold = (struct sp_finish_hold){.result = NULL};
	if (last) {
		find_hits(&last->r, hits);
		fatal = fatal_hit(&last->r, hits);
	}
	struct judgement j = judge(o, last, fatal);

	out->status = j.status;
	out->verdict = j.verdict;
	out->stage = !last ? "" : last == &o->run ? "run" : "compile";
	out->has_exit_code = last && !last->r.signaled;
	out->exit_code = out->has_exit_code ? last->r.code : 0;
	out->signal = NULL;
	if (last && last->r.signaled) {
		snprintf(hold->signal, sizeof(hold->signal), "%s", sp_signal_name(last->r.code));
		out->signal = hold->signal;
	}
	out->output = last ? borrow(&last->output.bytes) : (struct sp_bytes){0};
	out->segments = last ? borrow(&last->output.segments) : (struct sp_bytes){0};
	out->compile_output = o->compile.ran && last != &o->compile ? borrow(&o->compile.output.bytes) : (struct sp_bytes){0};

	const char *code = j.reason ? json_string_value(json_object_get(j.reason, "code")) : NULL;
	if (code) snprintf(hold->reason, sizeof(hold->reason), "%s", code);
	json_t *r = json_object();
	json_object_set_new(r, "v", json_integer(VERSION));
	json_object_set_new(r, "reason", j.reason ? j.reason : json_null());
	json_object_set_new(r, "runtime", runtime_json(o));
	json_object_set_new(r, "truncated", truncated_json(last));
	/* A program that was judged by something above its limits (canceled, ours) failed by none of them. */
	bool judged = j.status != SP_STATUS_CANCELED && j.status != SP_STATUS_FAILED;
	json_object_set_new(r, "limits_hit", limits_hit_json(hits, j.verdict, judged ? fatal : HITS));
	json_object_set_new(r, "compile", compile_json(&o->compile));
	json_object_set_new(r, "usage", usage_json(last));
	json_object_set_new(r, "timing", timing_json(o));
	json_object_set_new(r, "enforced", enforced_json(o->enforced));
	hold->result = json_dumps(r, SP_JSON_DUMP_FLAGS);
	json_decref(r);
	SP_BUG_ON(!hold->result);
	out->result = (struct sp_bytes){.p = hold->result, .n = strlen(hold->result)};
}

void sp_finish_hold_fini(struct sp_finish_hold *h)
{
	free(h->result);
	h->result = NULL;
}
