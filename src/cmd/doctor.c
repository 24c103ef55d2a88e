/* SPDX-License-Identifier: MIT */
/* `serapis doctor`: tries everything that a run needs, in the order in which it is needed, and says one line about each. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "cmd/cmd.h"
#include "runtime/native.h"
#include "worker/run.h"

static bool sound = true;

static void say(bool ok, const char *fmt, ...) SP_PRINTF(2, 3);
static void say(bool ok, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	printf("%-8s", ok ? "ok" : "missing");
	vprintf(fmt, ap);
	putchar('\n');
	fflush(stdout); /* the box writes its lines to the same place */
	va_end(ap);
	sound = sound && ok;
}

/* The box looks at the host itself: only it knows what it needs. */
static bool check_host(const struct sp_config *cfg)
{
	struct sp_err err = {0};
	sp_autoclose int box = sp_starter_find_box(cfg->box_path[0] ? cfg->box_path : NULL, &err);
	if (box < 0) {
		say(false, "%s", err.msg);
		return false;
	}
	char program[32] = "serapis-box", check[] = "--check", policy[] = "--policy";
	char *argv[] = {program, check, cfg->box_policy[0] ? policy : NULL, cfg->box_policy[0] ? cfg->box_policy : NULL, NULL};
	pid_t pid = fork();
	if (pid == 0) {
		fexecve(box, argv, environ);
		_exit(127);
	}
	int status = 0;
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
	bool ok = pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
	sound = sound && ok;
	return ok;
}

static void check_languages(const struct sp_config *cfg)
{
	struct sp_err err = {0};
	struct sp_languages *ls = sp_languages_load(cfg->languages_dir, &err);
	if (!ls) {
		say(false, "languages: %s", err.msg);
		return;
	}
	struct sp_runtime_options ro = {.slots = 1,
	        .box_path = cfg->box_path[0] ? cfg->box_path : NULL,
	        .policy_path = cfg->box_policy[0] ? cfg->box_policy : NULL};
	struct sp_runtime *rt = sp_runtime_open(cfg->runtime, &ro, &err);
	if (!rt) {
		say(false, "containers: %s", err.msg);
	} else {
		struct sp_runtime_info info;
		sp_runtime_info(rt, &info);
		say(true, "containers: %s, %s", info.name, info.isolation);
		size_t available = 0;
		for (size_t i = 0; i < ls->n; i++) {
			struct sp_language_state st = {.available = false};
			int rc = sp_probe_language(rt, 0, &ls->list[i], &st, &err);
			/* Nobody needs all of them: what is not installed (INVALID: its command cannot be executed) is not offered, and that is no fault of the host. */
			if (rc < 0 && err.code != SP_E_INVALID)
				say(false, "language %s: %s", ls->list[i].id, err.msg);
			else if (st.available)
				say(true, "language %s: %s %s", ls->list[i].id, ls->list[i].name, st.version);
			else
				printf("%-8slanguage %s: %s; to offer it, install it where the containers see it (/usr)\n", "note",
				        ls->list[i].id, rc < 0 ? err.msg : st.why);
			available += st.available;
		}
		if (!available)
			say(false, "languages: none of the %zu that are defined can be run; install the interpreter of one of them", ls->n);
		sp_runtime_close(rt);
	}
	sp_languages_free(ls);
}

int sp_cmd_doctor(int argc, char **argv)
{
	struct sp_cmd_settings settings = {0};
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--help")) {
			puts("usage: serapis doctor [--config FILE] [SETTINGS]\n\n"
			     "Says what this host offers for running programs, one line a thing, and how to mend what is missing. Without "
			     "root, what a user gets.\n"
			     "Ends with 0 when nothing is missing.");
			return SP_EXIT_OK;
		}
		int got = sp_cmd_take_setting(argc, argv, &i, &settings);
		if (got < 0) return SP_EXIT_USAGE;
		if (got == 0) {
			sp_cmd_complain("doctor: unknown argument '%s'", argv[i]);
			return SP_EXIT_USAGE;
		}
	}
	struct sp_config cfg;
	if (sp_cmd_load(&settings, &cfg) < 0) return SP_EXIT_FAILED;
	sp_log_setup(SP_LOG_ERROR, false);
	if (check_host(&cfg)) check_languages(&cfg);
	sp_config_fini(&cfg);
	puts(sound ? "This host is ready." : "Something is missing; see the lines above.");
	return sound ? SP_EXIT_OK : SP_EXIT_FAILED;
}
