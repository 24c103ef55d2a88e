/* SPDX-License-Identifier: MIT */
#include "worker/run.h"

#include <errno.h>

#include "base/mem.h"

#define CWD "/box"

/* What a runtime calls invalid is either the command, which exec refused, or the files, which are unpacked before it. */
static const char *invalid_code(int errnum)
{
	return errnum == ENOENT || errnum == EACCES || errnum == ENOEXEC ? "command_not_found" : "invalid_files";
}

static void fail(struct sp_outcome *o, const struct sp_err *err)
{
	o->failure = *err;
	/* A back-end that failed without a code must not read as success. */
	if (o->failure.code == SP_OK) o->failure.code = SP_E_INTERNAL;
	o->failure_code = err->code == SP_E_INVALID       ? invalid_code(err->errnum)
	                  : err->code == SP_E_UNAVAILABLE ? "runtime_unavailable"
	                                                  : NULL;
}

/* Runs one stage; true when the next may follow. */
static bool stage(struct sp_runtime *rt, int slot, struct sp_step *st, struct sp_stage_run *s, struct sp_outcome *o)
{
	struct sp_err err = {0};

	sp_output_init(&s->output, st->limits.output_bytes);
	st->on_output = sp_output_add;
	st->cls = &s->output;
	st->cwd = CWD;
	if (sp_runtime_step(rt, slot, st, &s->r, &err)) {
		fail(o, &err);
		return false;
	}
	if (s->output.bytes.failed || s->output.segments.failed) {
		sp_fail(&err, SP_E_UNAVAILABLE, ENOMEM, "keep the output");
		fail(o, &err);
		return false;
	}
	s->ran = true;
	return !s->r.signaled && s->r.code == 0 && s->r.killed_by == SP_KILLED_NOT;
}

static void stages(struct sp_runtime *rt, int slot, const struct sp_request *r, struct sp_outcome *o)
{
	const struct sp_language *l = r->language;
	sp_autofree const char **sources = sp_request_sources(r);
	struct sp_step st = {.path = sp_language_path(l), .merge_output = r->merge_output};
	bool go_on = true;

	if (l->compile) {
		char **argv = sp_language_argv(l->compile, sources, NULL), **env = sp_language_compile_env(l, (const char *const *)r->env);
		st.argv = (const char *const *)argv;
		st.env = (const char *const *)env;
		st.limits = sp_limits_of_compile(&r->limits);
		go_on = stage(rt, slot, &st, &o->compile, o);
		sp_argv_free(argv);
		sp_argv_free(env);
	}
	if (go_on) {
		char **argv = sp_language_argv(l->run, sources, (const char *const *)r->args),
		     **env = sp_language_env(l, (const char *const *)r->env);
		st.argv = (const char *const *)argv;
		st.env = (const char *const *)env;
		st.limits = sp_limits_of_run(&r->limits, l->processes_extra);
		if (r->has_stdin) {
			st.stdin_data = r->stdin_.p ? r->stdin_.p : "";
			st.stdin_size = r->stdin_.n;
		}
		stage(rt, slot, &st, &o->run, o);
		sp_argv_free(argv);
		sp_argv_free(env);
	}
}

void sp_run_evaluation(struct sp_runtime *runtime, int slot, const struct sp_request *request, struct sp_outcome *out)
{
	sp_autofree struct sp_source_file *files = sp_calloc(request->nfiles + 1, sizeof(*files));
	struct sp_workspace w = {
	        .root = request->language->root, .files = files, .nfiles = request->nfiles, .files_bytes = request->limits.run.files_bytes};
	struct sp_runtime_info info;
	struct sp_err err = {0};

	sp_runtime_info(runtime, &info);
	out->enforced = info.enforced;
	for (size_t i = 0; i < request->nfiles; i++)
		files[i] = (struct sp_source_file){
		        .path = request->files[i].path, .data = request->files[i].content.p, .size = request->files[i].content.n};
	if (sp_runtime_begin(runtime, slot, &w, &err))
		fail(out, &err);
	else
		stages(runtime, slot, request, out);
	sp_runtime_end(runtime, slot);
}

void sp_outcome_fini_stages(struct sp_outcome *out)
{
	sp_output_fini(&out->compile.output);
	sp_output_fini(&out->run.output);
	out->compile = out->run = (struct sp_stage_run){.ran = false};
}
