/* SPDX-License-Identifier: MIT */
/*
 * src/core/verdict.c and output.c: from what the steps did and printed to the result. The input is a stage for each line: c (compile) or r (run), then e (exit) or s (signal) and a number, then letters: o oom, f tree full, p processes,
 * w c u x killed by wall, cpu, output, caller; 1 2 a stream that was cut; then up to eight times 'digit, length, bytes': a piece of output of that stream. A line "=" has the expected output, "!" one of our own failures, "X" is canceled.
 *
 * Holds: a result that the store can hold, whose stored form is JSON with the keys that the view reads, shown in both encodings; the streams are what was printed; the verdict is of the list, and is the program's
 * own doing exactly if nothing of ours failed.
 */
#include "core_fuzz.h"

#include <stdio.h>

#include "base/text.h"
#include "core/result.h"

#define KEPT 96

struct printed {
	struct sp_buf of[2], all;
};

static void print_all(struct fz *z, struct sp_stage_run *s, struct printed *p)
{
	for (int i = 0; i < 8 && z->n; i++) {
		enum sp_stream stream = fz_flag(z) ? SP_STDERR : SP_STDOUT;
		struct fz piece = fz_piece(z, 255, false);
		size_t before = s->output.bytes.len;
		sp_output_add(&s->output, stream, (const char *)piece.p, piece.n);
		FZ_CHECK(s->output.bytes.len == before || s->output.bytes.len == before + piece.n);
		if (s->output.bytes.len == before) continue;
		FZ_CHECK(sp_buf_add(&p->of[stream], piece.p, piece.n) == 0 && sp_buf_add(&p->all, piece.p, piece.n) == 0);
	}
}

/* What take_done of the runtime lets through. */
static void read_stage(struct fz z, struct sp_stage_run *s, struct printed *p)
{
	struct sp_step_result *r = &s->r;

	s->ran = true;
	r->signaled = fz_u8(&z) == 's';
	r->code = fz_u8(&z);
	if (r->signaled) r->code = 1 + r->code % 64;
	for (bool more = true; more && z.n;) {
		switch (fz_u8(&z)) {
		case 'o': r->oom = true; break;
		case 'f': r->tree_full = true; break;
		case 'p': r->pids_hit = true; break;
		case 'w': r->killed_by = SP_KILLED_WALL; break;
		case 'c': r->killed_by = SP_KILLED_CPU; break;
		case 'u': r->killed_by = SP_KILLED_OUTPUT; break;
		case 'x': r->killed_by = SP_KILLED_CALLER; break;
		case '1': r->truncated[SP_STDOUT] = true; break;
		case '2': r->truncated[SP_STDERR] = true; break;
		case 't': r->cpu_ns = r->wall_ns = r->setup_ns = r->memory_peak_bytes = (int64_t)(fz_u64(&z) >> 11); break;
		default: more = false; break;
		}
	}
	print_all(&z, s, p);
}

static void check_output(const struct sp_stage_run *s, const struct printed *p)
{
	struct sp_bytes all = {s->output.bytes.data, s->output.bytes.len}, segments = {s->output.segments.data, s->output.segments.len};
	struct sp_buf out;

	FZ_CHECK(all.n == p->all.len && (all.n == 0 || memcmp(all.p, p->all.data, all.n) == 0));
	for (int i = 0; i < 2; i++) {
		sp_buf_init(&out, all.n + 1);
		FZ_CHECK(sp_output_stream(&all, &segments, (enum sp_stream)i, &out) == 0);
		FZ_CHECK(out.len == p->of[i].len && (out.len == 0 || memcmp(out.data, p->of[i].data, out.len) == 0));
		sp_buf_fini(&out);
	}
}

static void copy(char *to, size_t size, const char *s)
{
	FZ_CHECK(strlen(s ? s : "") < size);
	strcpy(to, s ? s : "");
}

/* The store's part: what is kept of a finish is what is shown. */
static void check_shown(const struct sp_finish *f)
{
	struct sp_stored s = {.row = {.status = f->status,
	                              .language = "lang",
	                              .has_exit_code = f->has_exit_code,
	                              .exit_code = f->exit_code,
	                              .created_at_ms = 1}};

	copy(s.row.verdict, sizeof s.row.verdict, f->verdict);
	copy(s.row.stage, sizeof s.row.stage, f->stage);
	copy(s.row.signal, sizeof s.row.signal, f->signal);
	s.data = (struct sp_evaluation_data){
	        .result = f->result, .output = f->output, .segments = f->segments, .compile_output = f->compile_output};
	for (int e = 0; e < 2; e++) {
		json_t *o = sp_evaluation_json(&s, (enum sp_encoding)e), *again = fz_reread(o, SP_JSON_DUMP_FLAGS);
		static const char *const objects[] = {"runtime", "timing"}, *const lists[] = {
		                                                                    "enforced", "truncated", "limits_hit", "lossy"};
		for (size_t i = 0; i < SP_COUNT(objects); i++) FZ_CHECK(json_is_object(json_object_get(again, objects[i])));
		for (size_t i = 0; i < SP_COUNT(lists); i++) FZ_CHECK(json_is_array(json_object_get(again, lists[i])));
		FZ_CHECK(json_is_string(json_object_get(again, "stdout")) == (f->stage[0] != '\0'));
		FZ_CHECK(json_is_object(json_object_get(again, "usage")) == (f->stage[0] != '\0'));
		FZ_CHECK(json_object_get(json_object_get(again, "runtime"), "version"));
		json_decref(again);
		json_decref(o);
	}
}

static void check_verdict(const struct sp_outcome *o, const struct sp_finish *f)
{
	static const char *const verdicts[] = {"ok", "wrong_answer", "nonzero_exit", "signal", "compile_error", "memory_limit", "cpu_limit",
	        "wall_limit", "output_limit", "disk_limit", "process_limit", "internal_error"};
	bool ours = o->failure.code != SP_OK || (!o->compile.ran && !o->run.ran) ||
	            (o->run.ran ? o->run.r : o->compile.r).killed_by == SP_KILLED_CALLER;
	bool known = false;

	FZ_CHECK(sp_status_terminal(f->status));
	if (o->canceled) {
		FZ_CHECK(f->status == SP_STATUS_CANCELED && !f->verdict);
		return;
	}
	for (size_t i = 0; i < SP_COUNT(verdicts); i++) known |= strcmp(verdicts[i], f->verdict) == 0;
	FZ_CHECK(known);
	FZ_CHECK((f->status == SP_STATUS_FAILED) == ours && (strcmp(f->verdict, "internal_error") == 0) == ours);
	FZ_CHECK(!f->has_exit_code || !f->signal);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fz z = {data, size};
	struct sp_request q = {.language = &fz_languages()->list[1], .limits = fz_config_default()->limits_default};
	struct sp_outcome o = {.request = &q, .runtime_version = "1.2", .start = "cold", .enforced = 63};
	struct printed p[2];
	struct sp_finish_hold hold;
	struct sp_finish f = {0};

	sp_output_init(&o.compile.output, KEPT);
	sp_output_init(&o.run.output, KEPT);
	for (int i = 0; i < 2; i++) {
		sp_buf_init(&p[i].all, 4 * KEPT);
		for (int k = 0; k < 2; k++) sp_buf_init(&p[i].of[k], 4 * KEPT);
	}
	while (z.n) {
		struct fz line = fz_until(&z, '\n');
		switch (fz_u8(&line)) {
		case 'c':
			if (!o.compile.ran) read_stage(line, &o.compile, &p[0]);
			break;
		case 'r':
			if (!o.run.ran) read_stage(line, &o.run, &p[1]);
			break;
		case '=':
			free(q.expected_output.p);
			q.has_expected = true;
			q.compare_exact = fz_flag(&line);
			q.expected_output = (struct sp_bytes){.p = fz_exact(line.p, line.n), .n = line.n};
			break;
		case '!': {
			sp_autofree char *text = fz_text(line.p, line.n);
			sp_fail(&o.failure, SP_E_INTERNAL, 0, "%s", text);
			break;
		}
		case 'X': o.canceled = true; break;
		case 'T': o.queue_ns = o.prepare_ns = o.total_ns = (int64_t)(fz_u64(&line) >> 11); break;
		default: break;
		}
	}
	check_output(&o.compile, &p[0]);
	check_output(&o.run, &p[1]);
	sp_outcome_judge(&o, &f, &hold);
	check_verdict(&o, &f);
	check_shown(&f);
	sp_finish_hold_fini(&hold);
	sp_output_fini(&o.compile.output);
	sp_output_fini(&o.run.output);
	for (int i = 0; i < 2; i++) {
		sp_buf_fini(&p[i].all);
		for (int k = 0; k < 2; k++) sp_buf_fini(&p[i].of[k]);
	}
	free(q.expected_output.p);
	return 0;
}
