/* SPDX-License-Identifier: MIT */
/* `serapis run FILE`: one program in one container, without a server, store or queue; judged and shown exactly as a server would. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/program.h"
#include "worker/run.h"

static struct sp_runtime *interrupted; /* what a signal handler thread would need; one run, one slot */

static atomic_bool over; /* the run has ended: the next signal ends the thread */

static void *on_signal(void *set)
{
	int sig;
	for (;;) {
		if (sigwait(set, &sig) != 0) continue;
		if (atomic_load(&over)) return NULL;
		sp_runtime_interrupt(interrupted, 0);
	}
}

static json_t *evaluate(struct sp_runtime *runtime, const struct sp_request *request, bool as_json)
{
	struct sp_outcome o = {.request = request, .start = "cold"};
	struct sp_id id = sp_id_new();
	int64_t started_ms = sp_wall_ms(), t0 = sp_mono_ns();
	sp_run_evaluation(runtime, 0, request, &o);
	o.total_ns = sp_mono_ns() - t0;
	o.canceled = o.run.r.killed_by == SP_KILLED_CALLER || o.compile.r.killed_by == SP_KILLED_CALLER;

	/* Through the stored form, so that there is one way from an outcome to what people see. */
	struct sp_finish f = {.id = id, .claim_no = 1};
	struct sp_finish_hold hold = {0};
	sp_outcome_judge(&o, &f, &hold);
	struct sp_stored s = {.row = {.id = id,
	                              .status = f.status,
	                              .has_exit_code = f.has_exit_code,
	                              .exit_code = f.exit_code,
	                              .claim_no = 1,
	                              .created_at_ms = started_ms,
	                              .started_at_ms = started_ms,
	                              .finished_at_ms = sp_wall_ms()},
	        .data = {.result = f.result, .output = f.output, .segments = f.segments, .compile_output = f.compile_output}};
	snprintf(s.row.language, sizeof s.row.language, "%s", request->language->id);
	snprintf(s.row.verdict, sizeof s.row.verdict, "%s", f.verdict ? f.verdict : "");
	snprintf(s.row.stage, sizeof s.row.stage, "%s", f.stage ? f.stage : "");
	snprintf(s.row.signal, sizeof s.row.signal, "%s", f.signal ? f.signal : "");
	json_t *object = sp_evaluation_json(&s, as_json ? SP_ENCODING_UTF8 : SP_ENCODING_BASE64);
	if (!object) sp_out_of_memory();
	sp_finish_hold_fini(&hold);
	sp_outcome_fini_stages(&o);
	return object;
}

static int run(const struct sp_config *cfg, struct sp_program *p, bool as_json)
{
	struct sp_err err = {0};
	int rc = SP_EXIT_OURS;
	struct sp_request request = {0};
	struct sp_problems problems = {0};
	struct sp_languages *languages = sp_languages_load(cfg->languages_dir, &err);
	if (!languages) {
		sp_cmd_complain("%s", err.msg);
		return rc;
	}
	const struct sp_language *language = sp_languages_find(languages, p->language);
	if (!language) {
		sp_cmd_complain("no language '%s'", p->language);
		goto out;
	}
	if (!sp_request_parse(p->body, language, cfg, &request, &problems)) {
		for (size_t i = 0; i < problems.n; i++) sp_cmd_complain("%s", problems.list[i].message);
		rc = SP_EXIT_USAGE;
		goto out;
	}

	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	struct sp_runtime_options ro = sp_cmd_runtime_options(cfg);
	ro.slots = 1;
	struct sp_runtime *runtime = sp_runtime_open(cfg->runtime, &ro, &err);
	if (!runtime) {
		sp_cmd_complain("%s", err.msg);
		goto out;
	}
	interrupted = runtime;
	pthread_t t;
	bool watching = pthread_create(&t, NULL, on_signal, &set) == 0;
	json_t *e = evaluate(runtime, &request, as_json);
	if (watching) {
		/* Not pthread_cancel: a cancelled thread does not run the ends that sanitizers need. */
		atomic_store(&over, true);
		/* Blocked in every thread, so it ends nothing but that thread's sigwait(). NOLINTNEXTLINE(bugprone-bad-signal-to-kill-thread) */
		pthread_kill(t, SIGTERM);
		pthread_join(t, NULL);
	}
	sp_runtime_close(runtime);
	if (as_json) {
		json_dumpf(e, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
		putchar('\n');
		rc = SP_EXIT_OK;
	} else {
		rc = sp_program_show(e);
	}
	json_decref(e);
out:
	sp_request_fini(&request);
	sp_problems_fini(&problems);
	sp_languages_free(languages);
	return rc;
}

static void help(void)
{
	sp_cmd_print_help(stdout,
	        "usage: serapis run [--json] [OPTIONS] FILE... [-- ARGS...]\n\n"
	        "Runs a program in a container on this machine, without a server, and behaves like it: its output, its exit code (128 + n "
	        "for signal n, 124 for a timeout, 125 when it could not be run). Works without root; --json shows in \"enforced\" what "
	        "then "
	        "holds.\n\n" SP_PROGRAM_HELP "  --json             print the evaluation object instead of behaving like the program\n"
	        "  --config FILE      the configuration file\n"
	        "  SETTINGS           see 'serapis config --help'; for instance --limits-max-wall-ms 120s");
}

int sp_cmd_run(int argc, char **argv)
{
	struct sp_cmd_settings settings = {0};
	struct sp_program p;
	sp_program_init(&p);
	bool as_json = false;
	int rc = SP_EXIT_USAGE;
	for (int i = 1; i < argc; i++) {
		int got;
		if (!strcmp(argv[i], "--help")) {
			help();
			rc = SP_EXIT_OK;
			goto out;
		}
		if (!strcmp(argv[i], "--json"))
			as_json = true;
		else if ((got = sp_program_take(&p, argc, argv, &i)) < 0)
			goto out;
		else if (got == 0 && (got = sp_cmd_take_setting(argc, argv, &i, &settings)) <= 0) {
			if (got == 0) sp_cmd_complain("run: unknown argument '%s'", argv[i]);
			goto out;
		}
	}
	if (sp_program_finish(&p) < 0) goto out;
	struct sp_config cfg;
	rc = SP_EXIT_OURS;
	if (sp_cmd_load(&settings, &cfg) < 0) goto out;
	sp_log_setup(SP_LOG_ERROR, false); /* the output is the program's; what went wrong is said in a line */
	rc = run(&cfg, &p, as_json);
	sp_config_fini(&cfg);
out:
	sp_program_fini(&p);
	return rc;
}
