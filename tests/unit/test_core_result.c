/* SPDX-License-Identifier: MIT */
/* Judging, the segments of output, comparing, and the object that the API shows. */
#include "core_support.h"

#include <signal.h>

#include "base/text.h"
#include "core/result.h"

static struct sp_language lang, compiled;
static char *compile_argv[] = {(char *)(uintptr_t) "cc", (char *)(uintptr_t) "{entry}", NULL};
static struct sp_request request;

/* ---- output ---- */

static struct sp_bytes bytes_of(const struct sp_buf *b) { return (struct sp_bytes){.p = b->data, .n = b->len}; }

static void assert_stream(const struct sp_output *o, enum sp_stream s, const char *want)
{
	struct sp_buf out;
	struct sp_bytes all = bytes_of(&o->bytes), segments = bytes_of(&o->segments);

	sp_buf_init(&out, 1 << 20);
	assert_int_equal(sp_output_stream(&all, &segments, s, &out), 0);
	assert_int_equal(out.len, strlen(want));
	if (out.len) assert_memory_equal(out.data, want, out.len);
	sp_buf_fini(&out);
}

static void segments_are_joined(void **state)
{
	struct sp_output o;

	sp_output_init(&o, 100);
	sp_output_add(&o, SP_STDOUT, "ab", 2);
	sp_output_add(&o, SP_STDOUT, "c", 1);
	sp_output_add(&o, SP_STDERR, "E", 1);
	sp_output_add(&o, SP_STDERR, "", 0);
	sp_output_add(&o, SP_STDERR, "F", 1);
	sp_output_add(&o, SP_STDOUT, "d", 1);
	assert_int_equal(o.bytes.len, 6);
	assert_memory_equal(o.bytes.data, "abcEFd", 6);
	assert_int_equal(o.segments.len, 12);
	assert_memory_equal(o.segments.data, "\3\0\0\0\2\0\0\x80\1\0\0\0", 12);
	assert_stream(&o, SP_STDOUT, "abcd");
	assert_stream(&o, SP_STDERR, "EF");
	sp_output_fini(&o);
}

static void segments_at_their_worst(void **state)
{
	struct sp_output o;
	char want[65];

	sp_output_init(&o, 64);
	for (int i = 0; i < 64; i++) {
		sp_output_add(&o, SP_STDOUT, "o", 1);
		sp_output_add(&o, SP_STDERR, "e", 1);
	}
	assert_int_equal(o.bytes.len, 128);
	assert_int_equal(o.segments.len, 512);
	/* Over the bound nothing is kept, and what is there still fits together. */
	sp_output_add(&o, SP_STDOUT, "x", 1);
	memset(want, 'o', 64);
	want[64] = '\0';
	assert_stream(&o, SP_STDOUT, want);
	sp_output_fini(&o);
}

static void damaged_segments(void **state)
{
	static const struct {
		const char *segments;
		size_t n;
	} rows[] = {
	        {"\3\0\0", 3}, /* no whole number */
	        {"\4\0\0\0", 4}, /* more than there is */
	        {"\2\0\0\0", 4}, /* less than there is */
	        {"\1\0\0\0\3\0\0\x80", 8}, /* more with the second */
	        {"\377\377\377\377", 4},
	        {"", 0},
	};
	struct sp_bytes out = {.p = (char *)(uintptr_t) "abc", .n = 3};
	struct sp_buf b;

	for (size_t i = 0; i < SP_COUNT(rows); i++) {
		struct sp_bytes s = {.p = (char *)(uintptr_t)rows[i].segments, .n = rows[i].n};
		sp_buf_init(&b, 100);
		if (sp_output_stream(&out, &s, SP_STDOUT, &b) != -1) fail_msg("row %zu", i);
		sp_buf_fini(&b);
	}
}

static void comparing(void **state)
{
	static const struct {
		const char *got, *want;
		bool trim, exact;
	} rows[] = {
	        {"", "", true, true},
	        {"6\n", "6\n", true, true},
	        {"6", "6\n", true, false},
	        {"6\n\n\n", "6", true, false},
	        {"6 \t\r\n7  \n", "6\n7\n", true, false},
	        {"6\r\n7\r\n", "6\n7", true, false},
	        {"6\n \n\n", "6", true, false},
	        {"", "\n\n", true, false},
	        {" 6", "6", false, false},
	        {"6\n\n7", "6\n7", false, false},
	        {"6 7", "6  7", false, false},
	        {"6\n7", "6", false, false},
	        {"6", "6\n7", false, false},
	        {"\n6", "6", false, false},
	        {"a", "b", false, false},
	        {"a\n", "a\n\nb", false, false},
	};
	for (size_t i = 0; i < SP_COUNT(rows); i++) {
		struct sp_bytes g = {.p = (char *)(uintptr_t)rows[i].got, .n = strlen(rows[i].got)},
		                w = {.p = (char *)(uintptr_t)rows[i].want, .n = strlen(rows[i].want)};
		if (sp_output_equal(&g, &w, false) != rows[i].trim || sp_output_equal(&g, &w, true) != rows[i].exact)
			fail_msg("row %zu", i);
	}
	/* NUL is a byte like any other; and nothing has no pointer. */
	struct sp_bytes a = {.p = (char *)(uintptr_t) "a\0b", .n = 3}, b = {.p = (char *)(uintptr_t) "a\0c", .n = 3},
	                z = {.p = (char *)(uintptr_t) "a\0", .n = 2}, none = {0};
	assert_false(sp_output_equal(&a, &b, false));
	assert_false(sp_output_equal(&a, &b, true));
	assert_false(sp_output_equal(&z, &(struct sp_bytes){.p = a.p, .n = 1}, false));
	assert_true(sp_output_equal(&none, &none, false));
	assert_true(sp_output_equal(&none, &none, true));
}

static void signals(void **state)
{
	assert_string_equal(sp_signal_name(SIGKILL), "SIGKILL");
	assert_string_equal(sp_signal_name(SIGSEGV), "SIGSEGV");
	assert_string_equal(sp_signal_name(SIGXFSZ), "SIGXFSZ");
	assert_string_equal(sp_signal_name(SIGSYS), "SIGSYS");
	assert_string_equal(sp_signal_name(42), "SIG42");
	assert_string_equal(sp_signal_name(0), "SIG0");
}

/* ---- judging ---- */

enum { OOM = 1, FULL = 2, PIDS = 4, CUT = 8, CUT_ERR = 16, HOST_OOM = 32 };

struct ending {
	bool signaled;
	int code;
	enum sp_killed_by by;
	int flags;
};
#define EXIT(n) \
	{ \
		false, (n), SP_KILLED_NOT, 0 \
	}
#define SIGNALED(n) \
	{ \
		true, (n), SP_KILLED_NOT, 0 \
	}
#define KILLED(who, f) \
	{ \
		true, SIGKILL, (who), (f) \
	}

static void fill(struct sp_stage_run *s, const struct ending *e)
{
	s->ran = true;
	s->r = (struct sp_step_result){.signaled = e->signaled,
	        .code = e->code,
	        .killed_by = e->by,
	        .oom = e->flags & OOM,
	        .host_oom = e->flags & HOST_OOM,
	        .tree_full = e->flags & FULL,
	        .pids_hit = e->flags & PIDS,
	        .truncated = {(e->flags & CUT) != 0, (e->flags & CUT_ERR) != 0},
	        .cpu_ns = 3912000,
	        .wall_ns = 4705400,
	        .setup_ns = 402000,
	        .memory_peak_bytes = 11845632};
	sp_output_init(&s->output, 1000);
}

struct judged {
	struct sp_outcome o;
	struct sp_finish f;
	struct sp_finish_hold hold;
	json_t *result;
};

static void judge(struct judged *j)
{
	sp_outcome_judge(&j->o, &j->f, &j->hold);
	j->result = json_loadb(j->f.result.p, j->f.result.n, 0, NULL);
	assert_non_null(j->result);
}

static void judged_fini(struct judged *j)
{
	json_decref(j->result);
	sp_finish_hold_fini(&j->hold);
	sp_output_fini(&j->o.compile.output);
	sp_output_fini(&j->o.run.output);
}

struct verdict_row {
	const char *name;
	struct ending end;
	const char *expected, *printed; /* NULL: none */
	enum sp_status status;
	const char *verdict, *signal, *message, *limits_hit;
};
static const struct verdict_row verdicts[] = {
        {"ok", EXIT(0), NULL, "x", SP_STATUS_FINISHED, "ok", NULL, NULL, "[]"},
        {"nonzero", EXIT(3), NULL, "", SP_STATUS_FINISHED, "nonzero_exit", NULL, "the program ended with exit code 3", "[]"},
        {"signal", SIGNALED(SIGSEGV), NULL, "", SP_STATUS_FINISHED, "signal", "SIGSEGV", "the program was ended by SIGSEGV", "[]"},
        {"wall", KILLED(SP_KILLED_WALL, 0), NULL, "tick", SP_STATUS_TIMEOUT, "wall_limit", "SIGKILL",
                "stopped after 15000 ms of wall time (limit wall_ms)", "[]"},
        {"cpu", KILLED(SP_KILLED_CPU, 0), NULL, "", SP_STATUS_TIMEOUT, "cpu_limit", "SIGKILL",
                "stopped after 10000 ms of CPU time (limit cpu_ms)", "[]"},
        {"output", KILLED(SP_KILLED_OUTPUT, CUT), NULL, "", SP_STATUS_FINISHED, "output_limit", "SIGKILL",
                "stopped after printing 16 times 1048576 bytes (limit output_bytes)", "[]"},
        {"memory, killed", KILLED(SP_KILLED_NOT, OOM), NULL, "", SP_STATUS_FINISHED, "memory_limit", "SIGKILL",
                "used more than 268435456 bytes of memory (limit memory_bytes)", "[]"},
        {"memory, a child was killed and the program failed", {false, 1, SP_KILLED_NOT, OOM}, NULL, "", SP_STATUS_FINISHED, "memory_limit",
                NULL, "memory_bytes", "[]"},
        {"memory, a child was killed and the program went on", {false, 0, SP_KILLED_NOT, OOM}, NULL, "", SP_STATUS_FINISHED, "ok", NULL,
                NULL, "['memory_limit']"},
        {"memory of the host", KILLED(SP_KILLED_NOT, HOST_OOM), NULL, "", SP_STATUS_FAILED, "internal_error", "SIGKILL",
                "the evaluator's machine had no memory left", "[]"},
        {"memory of the host, and the program failed", {false, 1, SP_KILLED_NOT, HOST_OOM}, NULL, "", SP_STATUS_FAILED, "internal_error",
                NULL, "the evaluator's machine had no memory left", "[]"},
        {"memory of the host, and the program went on", {false, 0, SP_KILLED_NOT, HOST_OOM}, NULL, "", SP_STATUS_FINISHED, "ok", NULL, NULL,
                "[]"},
        {"its own time, before memory of the host", KILLED(SP_KILLED_CPU, HOST_OOM), NULL, "", SP_STATUS_TIMEOUT, "cpu_limit", "SIGKILL",
                "limit cpu_ms", "[]"},
        {"disk", {false, 1, SP_KILLED_NOT, FULL}, NULL, "", SP_STATUS_FINISHED, "disk_limit", NULL,
                "the program failed with 67108864 bytes of files used up (limit files_bytes)", "[]"},
        {"disk full and fine", {false, 0, SP_KILLED_NOT, FULL}, NULL, "", SP_STATUS_FINISHED, "ok", NULL, NULL, "['disk_limit']"},
        {"file size", SIGNALED(SIGXFSZ), NULL, "", SP_STATUS_FINISHED, "disk_limit", "SIGXFSZ", "files_bytes", "[]"},
        {"processes", {false, 1, SP_KILLED_NOT, PIDS}, NULL, "", SP_STATUS_FINISHED, "process_limit", NULL, "over 64 (limit processes)",
                "[]"},
        {"processes and a signal", {true, SIGABRT, SP_KILLED_NOT, PIDS}, NULL, "", SP_STATUS_FINISHED, "process_limit", "SIGABRT",
                "limit processes", "[]"},
        {"processes and fine", {false, 0, SP_KILLED_NOT, PIDS}, NULL, "", SP_STATUS_FINISHED, "ok", NULL, NULL, "['process_limit']"},
        {"cut output is no failure", {false, 0, SP_KILLED_NOT, CUT}, NULL, "", SP_STATUS_FINISHED, "ok", NULL, NULL, "['output_limit']"},
        {"cut output and a nonzero exit", {false, 2, SP_KILLED_NOT, CUT_ERR}, NULL, "", SP_STATUS_FINISHED, "nonzero_exit", NULL,
                "exit code 2", "['output_limit']"},
        /* precedence, from the top */
        {"memory before cpu", KILLED(SP_KILLED_CPU, OOM), NULL, "", SP_STATUS_FINISHED, "memory_limit", "SIGKILL", "memory",
                "['cpu_limit']"},
        {"memory before wall", KILLED(SP_KILLED_WALL, OOM), NULL, "", SP_STATUS_FINISHED, "memory_limit", "SIGKILL", "memory",
                "['wall_limit']"},
        {"memory before output", KILLED(SP_KILLED_OUTPUT, OOM), NULL, "", SP_STATUS_FINISHED, "memory_limit", "SIGKILL", "memory",
                "['output_limit']"},
        {"cpu before disk and processes", KILLED(SP_KILLED_CPU, FULL | PIDS), NULL, "", SP_STATUS_TIMEOUT, "cpu_limit", "SIGKILL", "CPU",
                "['disk_limit','process_limit']"},
        {"wall before disk", KILLED(SP_KILLED_WALL, FULL | CUT), NULL, "", SP_STATUS_TIMEOUT, "wall_limit", "SIGKILL", "wall",
                "['output_limit','disk_limit']"},
        {"output before disk", KILLED(SP_KILLED_OUTPUT, FULL), NULL, "", SP_STATUS_FINISHED, "output_limit", "SIGKILL", "16 times",
                "['disk_limit']"},
        {"disk before processes", {false, 1, SP_KILLED_NOT, FULL | PIDS}, NULL, "", SP_STATUS_FINISHED, "disk_limit", NULL, "files",
                "['process_limit']"},
        {"disk before signal", {true, SIGBUS, SP_KILLED_NOT, FULL}, NULL, "", SP_STATUS_FINISHED, "disk_limit", "SIGBUS", "files", "[]"},
        /* expected output */
        {"right", EXIT(0), "6\n", "6", SP_STATUS_FINISHED, "ok", NULL, NULL, "[]"},
        {"wrong", EXIT(0), "6\n", "7", SP_STATUS_FINISHED, "wrong_answer", NULL, "stdout is not the expected output", "[]"},
        {"nothing expected, nothing printed", EXIT(0), "", "", SP_STATUS_FINISHED, "ok", NULL, NULL, "[]"},
        {"nothing expected, something printed", EXIT(0), "", "x", SP_STATUS_FINISHED, "wrong_answer", NULL, "stdout", "[]"},
        {"a cut output is not equal", {false, 0, SP_KILLED_NOT, CUT}, "6", "6", SP_STATUS_FINISHED, "wrong_answer", NULL, "output_bytes",
                "['output_limit']"},
        {"cut stderr does not matter", {false, 0, SP_KILLED_NOT, CUT_ERR}, "6", "6", SP_STATUS_FINISHED, "ok", NULL, NULL,
                "['output_limit']"},
        {"nonzero before wrong", EXIT(1), "6", "7", SP_STATUS_FINISHED, "nonzero_exit", NULL, "exit code 1", "[]"},
        {"nonzero before right", EXIT(1), "6", "6", SP_STATUS_FINISHED, "nonzero_exit", NULL, "exit code 1", "[]"},
};

static void each_verdict(void **state)
{
	for (size_t i = 0; i < SP_COUNT(verdicts); i++) {
		const struct verdict_row *v = &verdicts[i];
		struct judged j = {.o = {.request = &request, .start = "cold"}};
		fill(&j.o.run, &v->end);
		sp_output_add(&j.o.run.output, SP_STDOUT, v->printed, strlen(v->printed));
		sp_output_add(&j.o.run.output, SP_STDERR, "noise", 5);
		request.has_expected = v->expected != NULL;
		request.expected_output =
		        (struct sp_bytes){.p = (char *)(uintptr_t)v->expected, .n = v->expected ? strlen(v->expected) : 0};
		judge(&j);
		if (j.f.status != v->status || strcmp(j.f.verdict, v->verdict))
			fail_msg("%s: %s, status %d", v->name, j.f.verdict, j.f.status);
		assert_string_equal(j.f.stage, "run");
		assert_int_equal(j.f.has_exit_code, !v->end.signaled);
		if (j.f.has_exit_code) assert_int_equal(j.f.exit_code, v->end.code);
		assert_true(v->signal ? j.f.signal && !strcmp(j.f.signal, v->signal) : !j.f.signal);
		json_t *reason = json_object_get(j.result, "reason");
		assert_int_equal(json_is_null(reason), v->message == NULL);
		if (v->message) {
			bool host = v->status == SP_STATUS_FAILED;
			assert_string_equal(json_string_value(json_object_get(reason, "code")), host ? "host_memory" : v->verdict);
			assert_contains(json_string_value(json_object_get(reason, "message")), v->message);
			assert_int_equal(json_is_true(json_object_get(reason, "retryable")), host);
		}
		assert_json(json_object_get(j.result, "limits_hit"), v->limits_hit);
		judged_fini(&j);
	}
	request.has_expected = false;
}

static void merged_output_is_compared_whole(void **state)
{
	struct judged j = {.o = {.request = &request}};
	struct ending fine = EXIT(0);

	fill(&j.o.run, &fine);
	sp_output_add(&j.o.run.output, SP_STDOUT, "a\nb\n", 4);
	request.has_expected = true;
	request.expected_output = (struct sp_bytes){.p = (char *)(uintptr_t) "a\nb", .n = 3};
	judge(&j);
	assert_string_equal(j.f.verdict, "ok");
	request.has_expected = false;
	judged_fini(&j);
}

static const struct {
	const char *name;
	struct ending end;
	const char *code, *message, *limits_hit;
} compiles[] = {
        {"exit", EXIT(1), "compile_error", "the compiler ended with exit code 1", "[]"},
        {"signal", SIGNALED(SIGSEGV), "compile_error", "the compiler was ended by SIGSEGV", "[]"},
        {"wall", KILLED(SP_KILLED_WALL, 0), "wall_limit", "the compiler was stopped after 30000 ms of wall time (limit compile_wall_ms)",
                "[]"},
        {"cpu", KILLED(SP_KILLED_CPU, 0), "cpu_limit", "the compiler was stopped after 30000 ms of CPU time (limit compile_wall_ms)", "[]"},
        {"memory", {false, 4, SP_KILLED_NOT, OOM}, "memory_limit", "the compiler used more than 536870912 bytes of memory", "[]"},
        {"disk", {false, 1, SP_KILLED_NOT, FULL | PIDS}, "disk_limit", "the compiler failed with 67108864 bytes of files",
                "['process_limit']"},
        {"output", KILLED(SP_KILLED_OUTPUT, CUT), "output_limit", "the compiler was stopped after printing", "[]"},
};

static void compile_errors(void **state)
{
	for (size_t i = 0; i < SP_COUNT(compiles); i++) {
		struct judged j = {.o = {.request = &request}};
		fill(&j.o.compile, &compiles[i].end);
		sp_output_add(&j.o.compile.output, SP_STDERR, "main.c:3:1: error", 17);
		judge(&j);
		assert_int_equal(j.f.status, SP_STATUS_FINISHED);
		assert_string_equal(j.f.verdict, "compile_error");
		assert_string_equal(j.f.stage, "compile");
		assert_int_equal(j.f.has_exit_code, !compiles[i].end.signaled);
		assert_int_equal(j.f.output.n, 17);
		assert_int_equal(j.f.compile_output.n, 0);
		json_t *reason = json_object_get(j.result, "reason");
		assert_string_equal(json_string_value(json_object_get(reason, "code")), compiles[i].code);
		assert_contains(json_string_value(json_object_get(reason, "message")), compiles[i].message);
		assert_json(json_object_get(j.result, "limits_hit"), compiles[i].limits_hit);
		judged_fini(&j);
	}
}

static void ours_and_canceled(void **state)
{
	struct ending fine = EXIT(0), stopped = KILLED(SP_KILLED_CALLER, 0);
	struct judged j = {.o = {.request = &request}};

	/* Nothing ran. */
	sp_fail(&j.o.failure, SP_E_UNAVAILABLE, 0, "the box is gone");
	judge(&j);
	assert_int_equal(j.f.status, SP_STATUS_FAILED);
	assert_string_equal(j.f.verdict, "internal_error");
	assert_string_equal(j.f.stage, "");
	assert_false(j.f.has_exit_code);
	assert_json(json_object_get(j.result, "reason"), "{'code':'internal_error','message':'the box is gone','retryable':true}");
	assert_true(json_is_null(json_object_get(j.result, "usage")));
	judged_fini(&j);

	j = (struct judged){.o = {.request = &request, .failure_code = "command_not_found"}};
	sp_fail(&j.o.failure, SP_E_INVALID, 0, "no node");
	judge(&j);
	assert_json(json_object_get(j.result, "reason"), "{'code':'command_not_found','message':'no node','retryable':false}");
	judged_fini(&j);

	/* Compiled, then our failure: it wins over the verdict, and the stage that ran is still told. */
	j = (struct judged){.o = {.request = &request}};
	fill(&j.o.compile, &fine);
	sp_fail(&j.o.failure, SP_E_INTERNAL, 0, "broken");
	judge(&j);
	assert_int_equal(j.f.status, SP_STATUS_FAILED);
	assert_string_equal(j.f.stage, "compile");
	judged_fini(&j);

	/* Canceled wins over everything. */
	j = (struct judged){.o = {.request = &request, .canceled = true}};
	fill(&j.o.run, &stopped);
	sp_fail(&j.o.failure, SP_E_INTERNAL, 0, "broken");
	judge(&j);
	assert_int_equal(j.f.status, SP_STATUS_CANCELED);
	assert_null(j.f.verdict);
	assert_string_equal(j.f.signal, "SIGKILL");
	assert_json(json_object_get(j.result, "reason"), "{'code':'canceled','message':'canceled on request','retryable':false}");
	judged_fini(&j);

	/* Stopped by us without a cancel is our failure, not the program's. */
	j = (struct judged){.o = {.request = &request}};
	fill(&j.o.run, &stopped);
	judge(&j);
	assert_int_equal(j.f.status, SP_STATUS_FAILED);
	assert_json(json_object_get(j.result, "reason"),
	        "{'code':'interrupted','message':'the evaluator stopped the program','retryable':true}");
	judged_fini(&j);
}

/* ---- the object ---- */

static const char *const view_keys[] = {"id", "status", "verdict", "reason", "stage", "language", "runtime", "reference", "exit_code",
        "signal", "output", "stdout", "stderr", "encoding", "lossy", "truncated", "limits_hit", "compile", "dependencies", "git", "usage",
        "timing", "enforced", "claims", "created_at", "started_at", "finished_at"};

static void assert_all_keys(const json_t *o)
{
	assert_int_equal(json_object_size(o), SP_COUNT(view_keys));
	for (size_t i = 0; i < SP_COUNT(view_keys); i++)
		if (!json_object_get(o, view_keys[i])) fail_msg("no key %s", view_keys[i]);
}

static struct sp_stored stored_of(struct judged *j)
{
	struct sp_stored s = {.row = {.status = j->f.status,
	                              .has_exit_code = j->f.has_exit_code,
	                              .exit_code = j->f.exit_code,
	                              .claim_no = 1,
	                              .created_at_ms = 1795376416120,
	                              .started_at_ms = 1795376416121,
	                              .finished_at_ms = 1795376416126},
	        .data = {.result = j->f.result, .output = j->f.output, .segments = j->f.segments, .compile_output = j->f.compile_output}};

	assert_true(sp_id_parse("01a204c6-0578-7c1e-9f00-3a5be1c2d4f6", &s.row.id));
	snprintf(s.row.language, sizeof(s.row.language), "lang");
	snprintf(s.row.verdict, sizeof(s.row.verdict), "%s", j->f.verdict ? j->f.verdict : "");
	snprintf(s.row.stage, sizeof(s.row.stage), "%s", j->f.stage);
	snprintf(s.row.signal, sizeof(s.row.signal), "%s", j->f.signal ? j->f.signal : "");
	return s;
}

static void finished_object(void **state)
{
	struct judged j = {.o = {.request = &request,
	                           .runtime_version = "18.20.4",
	                           .start = "warm",
	                           .enforced = SP_ENFORCED_IDS | SP_ENFORCED_SECCOMP,
	                           .queue_ns = 214000,
	                           .total_ns = 6118000}};
	struct ending fine = EXIT(0);

	fill(&j.o.run, &fine);
	sp_output_add(&j.o.run.output, SP_STDOUT, "hello world\n", 12);
	judge(&j);
	struct sp_stored s = stored_of(&j);
	json_t *o = sp_evaluation_json(&s, SP_ENCODING_UTF8);
	assert_all_keys(o);
	char *text = json_dumps(o, SP_JSON_DUMP_FLAGS);
	assert_string_equal(text,
	        "{\"id\":\"01a204c6-0578-7c1e-9f00-3a5be1c2d4f6\",\"status\":\"finished\",\"verdict\":\"ok\",\"reason\":null,\"stage\":"
	        "\"run\",\"language\":\"lang\","
	        "\"runtime\":{\"version\":\"18.20.4\",\"start\":\"warm\"},\"reference\":null,\"exit_code\":0,\"signal\":null,\"output\":"
	        "\"hello world\\n\","
	        "\"stdout\":\"hello "
	        "world\\n\",\"stderr\":\"\",\"encoding\":\"utf-8\",\"lossy\":[],\"truncated\":[],\"limits_hit\":[],\"compile\":null,"
	        "\"dependencies\":null,\"git\":null,\"usage\":{\"cpu_ms\":3.912,\"wall_ms\":4.705,\"memory_peak_bytes\":11845632},"
	        "\"timing\":{\"queue_ms\":0.214,\"prepare_ms\":0,\"setup_ms\":0.402,\"compile_ms\":0,\"run_ms\":4.705,\"total_ms\":6.118},"
	        "\"enforced\":[\"ids\",\"seccomp\"],\"claims\":1,\"created_at\":\"2026-11-22T19:40:16.120Z\",\"started_at\":\"2026-11-"
	        "22T19:40:16.121Z\","
	        "\"finished_at\":\"2026-11-22T19:40:16.126Z\"}");
	free(text);
	json_decref(o);
	judged_fini(&j);
}

static void waiting_object(void **state)
{
	struct sp_stored s = {.row = {.status = SP_STATUS_CREATED, .has_reference = true, .created_at_ms = 1795376420001}};

	assert_true(sp_id_parse("01a204c6-14a1-7a11-8b00-77aa12cd34ef", &s.row.id));
	snprintf(s.row.language, sizeof(s.row.language), "ruby");
	json_t *o = sp_evaluation_json(&s, SP_ENCODING_UTF8);
	assert_all_keys(o);
	assert_json(o,
	        "{'id':'01a204c6-14a1-7a11-8b00-77aa12cd34ef','status':'created','verdict':null,'reason':null,'stage':null,'language':'"
	        "ruby','runtime':null,"
	        "'reference':'','exit_code':null,'signal':null,'output':null,'stdout':null,'stderr':null,'encoding':'utf-8','lossy':[],'"
	        "truncated':[],"
	        "'limits_hit':[],'compile':null,'dependencies':null,'git':null,'usage':null,'timing':null,'enforced':null,'claims':0,"
	        "'created_at':'2026-11-22T19:40:20.001Z','started_at':null,'finished_at':null}");
	json_decref(o);
}

/* What the store ends by itself carries a reason and nothing else; what has lost its data still has every key. */
static void ended_without_a_run(void **state)
{
	struct sp_stored s = {.row = {.status = SP_STATUS_FAILED, .claim_no = 3, .created_at_ms = 1, .finished_at_ms = 2},
	        .data = {.result = {.p = (char *)(uintptr_t) "{\"reason\":{\"code\":\"evaluator_lost\",\"message\":\"m\",\"retryable\":"
	                                                     "true}}"}}};
	s.data.result.n = strlen(s.data.result.p);
	snprintf(s.row.verdict, sizeof(s.row.verdict), "internal_error");

	json_t *o = sp_evaluation_json(&s, SP_ENCODING_UTF8);
	assert_all_keys(o);
	assert_json(json_object_get(o, "reason"), "{'code':'evaluator_lost','message':'m','retryable':true}");
	assert_true(json_is_null(json_object_get(o, "output")));
	json_decref(o);

	s.data.result = (struct sp_bytes){0};
	o = sp_evaluation_json(&s, SP_ENCODING_UTF8);
	assert_all_keys(o);
	assert_json(json_object_get(o, "reason"), "{'code':'internal_error','message':'the evaluation could not be run','retryable':true}");
	json_decref(o);

	s.row.status = SP_STATUS_CANCELED;
	s.row.verdict[0] = '\0';
	o = sp_evaluation_json(&s, SP_ENCODING_UTF8);
	assert_json(json_object_get(o, "reason"), "{'code':'canceled','message':'canceled on request','retryable':false}");
	assert_true(json_is_null(json_object_get(o, "verdict")));
	json_decref(o);

	s.data.result = (struct sp_bytes){.p = (char *)(uintptr_t) "{damaged", .n = 8};
	o = sp_evaluation_json(&s, SP_ENCODING_UTF8);
	assert_all_keys(o);
	json_decref(o);
}

static void compiled_object(void **state)
{
	struct judged j = {.o = {.request = &request}};
	struct ending fine = EXIT(0), failed = EXIT(1);

	fill(&j.o.compile, &fine);
	sp_output_add(&j.o.compile.output, SP_STDERR, "warning", 7);
	fill(&j.o.run, &fine);
	sp_output_add(&j.o.run.output, SP_STDOUT, "42", 2);
	judge(&j);
	struct sp_stored s = stored_of(&j);
	json_t *o = sp_evaluation_json(&s, SP_ENCODING_UTF8);
	assert_string_equal(json_string_value(json_object_get(o, "output")), "42");
	assert_json(json_object_get(o, "compile"),
	        "{'exit_code':0,'output':'warning','truncated':false,'cached':false,'cpu_ms':3.912,'wall_ms':4.705}");
	json_t *timing = json_object_get(o, "timing");
	assert_json(json_object_get(timing, "compile_ms"), "4.705");
	assert_json(json_object_get(timing, "setup_ms"), "0.804");
	json_decref(o);
	judged_fini(&j);

	j = (struct judged){.o = {.request = &request}};
	fill(&j.o.compile, &failed);
	sp_output_add(&j.o.compile.output, SP_STDERR, "main.c:3:1: error", 17);
	judge(&j);
	s = stored_of(&j);
	o = sp_evaluation_json(&s, SP_ENCODING_UTF8);
	assert_all_keys(o);
	assert_string_equal(json_string_value(json_object_get(o, "output")), "main.c:3:1: error");
	assert_string_equal(json_string_value(json_object_get(o, "stderr")), "main.c:3:1: error");
	assert_string_equal(json_string_value(json_object_get(json_object_get(o, "compile"), "output")), "main.c:3:1: error");
	assert_int_equal(json_integer_value(json_object_get(o, "exit_code")), 1);
	assert_string_equal(json_string_value(json_object_get(o, "stage")), "compile");
	json_decref(o);
	judged_fini(&j);
}

static void bytes_that_are_no_text(void **state)
{
	struct judged j = {.o = {.request = &request}};
	struct ending fine = {false, 0, SP_KILLED_NOT, CUT_ERR};

	fill(&j.o.compile, &fine);
	sp_output_add(&j.o.compile.output, SP_STDOUT, "\xff", 1);
	fill(&j.o.run, &fine);
	sp_output_add(&j.o.run.output, SP_STDOUT, "a\0b", 3);
	sp_output_add(&j.o.run.output, SP_STDERR, "\xe9t\xe9", 3);
	judge(&j);
	struct sp_stored s = stored_of(&j);
	json_t *o = sp_evaluation_json(&s, SP_ENCODING_UTF8);
	assert_json(json_object_get(o, "lossy"), "['output','stderr','compile.output']");
	assert_json(json_object_get(o, "truncated"), "['stderr']");
	assert_int_equal(json_string_length(json_object_get(o, "stdout")), 3);
	assert_string_equal(json_string_value(json_object_get(o, "stderr")), "\xef\xbf\xbdt\xef\xbf\xbd");
	json_decref(o);

	o = sp_evaluation_json(&s, SP_ENCODING_BASE64);
	assert_all_keys(o);
	assert_string_equal(json_string_value(json_object_get(o, "encoding")), "base64");
	assert_json(json_object_get(o, "lossy"), "[]");
	assert_string_equal(json_string_value(json_object_get(o, "output")), "YQBi6XTp");
	assert_string_equal(json_string_value(json_object_get(o, "stdout")), "YQBi");
	assert_string_equal(json_string_value(json_object_get(o, "stderr")), "6XTp");
	assert_string_equal(json_string_value(json_object_get(json_object_get(o, "compile"), "output")), "/w==");
	json_decref(o);
	judged_fini(&j);
}

int main(void)
{
	struct sp_config cfg;

	load_defaults(&cfg);
	lang = compiled = test_language();
	compiled.compile = compile_argv;
	request = (struct sp_request){.language = &lang, .limits = cfg.limits_default};
	sp_config_fini(&cfg);
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(segments_are_joined),
	        cmocka_unit_test(segments_at_their_worst),
	        cmocka_unit_test(damaged_segments),
	        cmocka_unit_test(comparing),
	        cmocka_unit_test(signals),
	        cmocka_unit_test(each_verdict),
	        cmocka_unit_test(merged_output_is_compared_whole),
	        cmocka_unit_test(compile_errors),
	        cmocka_unit_test(ours_and_canceled),
	        cmocka_unit_test(finished_object),
	        cmocka_unit_test(waiting_object),
	        cmocka_unit_test(ended_without_a_run),
	        cmocka_unit_test(compiled_object),
	        cmocka_unit_test(bytes_that_are_no_text),
	};
	return cmocka_run_group_tests_name("core_result", tests, NULL, NULL);
}
