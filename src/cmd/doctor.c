/* SPDX-License-Identifier: MIT */
/*
 * `serapis doctor`: tries everything that a run needs, in the order in which it is needed, and says one line about each: what serapis-box says of the host
 * (box/host.h has its sentences), then a start of containers and of each language in one, then the service's own. What is missing is a sentence, "; " and what to do.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "box/check.h"
#include "cmd/cmd.h"
#include "http/server.h"
#include "runtime/native.h"
#include "store/store.h"
#include "worker/run.h"

#define LINES_MAX 200 /* of the box's; it has some twenty */

static bool sound;
static json_t *as_json; /* list of findings; NULL: they are printed */

static void add(const char *kind, const char *name, const char *text)
{
	if (strcmp(kind, "missing") == 0) sound = false;
	if (!as_json) {
		printf("%-*s%-*s %s\n", SP_CHECK_KIND_WIDTH, kind, SP_CHECK_NAME_WIDTH - 1, name, text);
		fflush(stdout); /* the start of containers takes a while */
		return;
	}
	json_t *o = json_object();
	const char *mend = NULL;
	for (const char *p = text; strcmp(kind, "ok") != 0 && (p = strstr(p, "; ")); p += 2) mend = p;
	json_object_set_new(o, "kind", json_string(kind));
	json_object_set_new(o, "name", json_string(name));
	json_object_set_new(o, "text", json_stringn(text, mend ? (size_t)(mend - text) : strlen(text)));
	json_object_set_new(o, "mend", mend ? json_string(mend + 2) : json_null());
	json_array_append_new(as_json, o);
}

static void say(const char *kind, const char *name, const char *fmt, ...) SP_PRINTF(3, 4);
static void say(const char *kind, const char *name, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	add(kind, name, text);
}

/* ---- the host, as the box sees it */

/* A line of `serapis-box --check`, by its columns. False: it is none. */
static bool take_line(char *line)
{
	static const char *const kinds[] = {"ok", "note", "missing"};
	size_t n = strcspn(line, "\n");
	char kind[SP_CHECK_KIND_WIDTH + 1], name[SP_CHECK_NAME_WIDTH + 1];

	line[n] = '\0';
	if (n < SP_CHECK_KIND_WIDTH + SP_CHECK_NAME_WIDTH) return false;
	snprintf(kind, sizeof kind, "%.*s", SP_CHECK_KIND_WIDTH, line);
	snprintf(name, sizeof name, "%.*s", SP_CHECK_NAME_WIDTH, line + SP_CHECK_KIND_WIDTH);
	for (char *p = kind + strlen(kind); p > kind && p[-1] == ' ';) *--p = '\0';
	for (char *p = name + strlen(name); p > name && p[-1] == ' ';) *--p = '\0';
	for (size_t i = 0; i < SP_COUNT(kinds); i++) {
		if (strcmp(kind, kinds[i]) != 0) continue;
		add(kinds[i], name, line + SP_CHECK_KIND_WIDTH + SP_CHECK_NAME_WIDTH);
		return true;
	}
	return false;
}

/* False: something is missing, so that no container can be started. */
static bool check_host(const struct sp_config *cfg, const struct sp_runtime_options *ro)
{
	struct sp_err err = {0};
	char program[] = "serapis-box", check[] = "--check", policy[] = "--policy", slots[] = "--slots", number[16], line[2048];
	char *argv[] = {program, check, slots, number, cfg->box_policy[0] ? policy : NULL, cfg->box_policy, NULL};
	int ends[2], status = 0, lines = 0;

	sp_autoclose int box = sp_starter_find_box(ro->box_path, &err);
	if (box < 0) {
		add("missing", "serapis-box", err.msg);
		return false;
	}
	snprintf(number, sizeof number, "%d", ro->slots);
	if (pipe2(ends, O_CLOEXEC) < 0) {
		say("missing", "serapis-box", "no pipe to it can be made: %s", strerror(errno));
		return false;
	}
	pid_t pid = fork();
	if (pid == 0) {
		if (dup2(ends[1], STDOUT_FILENO) >= 0) fexecve(box, argv, environ);
		_exit(127);
	}
	close(ends[1]);
	FILE *f = fdopen(ends[0], "re");
	while (f && lines < LINES_MAX && fgets(line, sizeof line, f)) lines += take_line(line);
	if (f) fclose(f);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
	/* One that cannot even be started says why when containers are. */
	return pid > 0 && (lines == 0 || (WIFEXITED(status) && WEXITSTATUS(status) == 0));
}

/* ---- languages */

static void tell_absent(const struct sp_language *l, const char *name, const char *why)
{
	if (strcmp(l->root, "host") != 0)
		say("note", name, "%s; put it into the root \"%s\"", why, l->root);
	else if (l->package[0])
		say("note", name, "%s; apt-get install %s", why, l->package);
	else
		say("note", name, "%s; install it where programs see it (/usr)", why);
}

/* Nobody needs all of them: what is not installed is not offered, and that is no fault of the host. Returns whether it is. */
static bool check_language(struct sp_runtime *rt, const struct sp_language *l)
{
	struct sp_language_state st = {.available = false};
	struct sp_err err = {0};
	char name[64], why[256];

	snprintf(name, sizeof name, "language %s", l->id);
	if (sp_probe_language(rt, 0, l, &st, &err) == 0) {
		if (st.available)
			say("ok", name, "%s %s", l->name, st.version);
		else
			tell_absent(l, name, st.why);
		return st.available;
	}
	/* INVALID: its command cannot be executed. */
	if (err.code == SP_E_INVALID) {
		snprintf(why, sizeof why,
		        err.errnum == ENOENT ? "there is no %.100s where programs look for it" : "%.100s cannot be executed",
		        l->version_command[0]);
		tell_absent(l, name, why);
	} else if (strstr(err.msg, "the policy has no root of that name")) {
		say("missing", name, "its root \"%s\" is not in the box's policy; add \"root %s dir PATH\" to that", l->root, l->root);
	} else {
		add("missing", name, err.msg);
	}
	return false;
}

static void check_containers(const struct sp_config *cfg, const struct sp_runtime_options *ro, const struct sp_languages *ls)
{
	struct sp_err err = {0};
	struct sp_runtime_info info;
	size_t available = 0;
	struct sp_runtime *rt = sp_runtime_open(cfg->runtime, ro, &err);

	if (!rt) {
		add("missing", "containers", err.msg);
		return;
	}
	sp_runtime_info(rt, &info);
	say("ok", "containers", "%s, %d slot%s, %s", info.name, info.slots, info.slots == 1 ? "" : "s", info.isolation);
	for (size_t i = 0; ls && i < ls->n; i++) available += check_language(rt, &ls->list[i]);
	if (ls && !available)
		say("missing", "languages", "none of the %zu that are defined can be run; install the interpreter of one of them", ls->n);
	sp_runtime_close(rt);
}

/* ---- the service itself */

/* The service makes the directory of its database while it is root (serve.c); what it finds there it must be able to use afterwards. */
static bool made_by_root(const struct sp_config *cfg)
{
	struct stat st;
	if (strncmp(cfg->store, "sqlite:/", 8) != 0) return false;
	sp_autofree char *path = sp_strdup(cfg->store + 7);
	return stat(dirname(path), &st) < 0;
}

static int look_at_store(const struct sp_config *cfg, struct sp_err *err) { return sp_store_look(cfg->store, err); }
static int look_at_port(const struct sp_config *cfg, struct sp_err *err) { return sp_http_try_listen(cfg->http_listen, err); }
static int look_at_metrics(const struct sp_config *cfg, struct sp_err *err)
{
	return sp_http_try_listen(cfg->http_metrics_listen, err) < 0 ? sp_wrap(err, "http.metrics_listen") : 0;
}

/* Asks as whom the service will be by then. */
static int as_user(const struct passwd *pw, int (*ask)(const struct sp_config *cfg, struct sp_err *err), const struct sp_config *cfg,
        struct sp_err *err)
{
	int ends[2];

	if (!pw) return ask(cfg, err);
	if (pipe2(ends, O_CLOEXEC) < 0) return sp_fail(err, SP_E_IO, errno, "pipe");
	pid_t pid = fork();
	if (pid == 0) {
		struct sp_err e = {0};
		bool bad = sp_cmd_become_user(pw, &e) < 0 || ask(cfg, &e) < 0;
		_exit(bad && write(ends[1], &e, sizeof e) == (ssize_t)sizeof e);
	}
	close(ends[1]);
	ssize_t n = pid < 0 ? -1 : read(ends[0], err, sizeof *err);
	close(ends[0]);
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR) continue;
	return n == 0 ? 0 : n == (ssize_t)sizeof *err ? -1 : sp_fail(err, SP_E_IO, 0, "the user %s cannot be tried", pw->pw_name);
}

static void check_address(const struct sp_config *cfg, const struct passwd *pw, const char *address,
        int (*look)(const struct sp_config *cfg, struct sp_err *err))
{
	struct sp_err err = {0};

	if (as_user(pw, look, cfg, &err) == 0)
		say("ok", "listen", "%s is free", address);
	else
		/* A doctor is asked beside a service that runs. */
		add(err.code == SP_E_CONFLICT && strstr(err.msg, " by serapis (pid ") ? "note" : "missing", "listen", err.msg);
}

static void check_service(const struct sp_config *cfg)
{
	const struct passwd *pw = NULL;
	struct sp_err err = {0};
	struct rlimit files;

	if (sp_cmd_find_user(cfg, &pw, &err) < 0) {
		add("missing", "user", err.msg);
		return;
	}
	if (as_user(made_by_root(cfg) ? NULL : pw, look_at_store, cfg, &err) < 0)
		add("missing", "store", err.msg);
	else
		say("ok", "store", "%.200s", cfg->store);
	check_address(cfg, pw, cfg->http_listen, look_at_port);
	if (cfg->http_metrics_listen[0]) check_address(cfg, pw, cfg->http_metrics_listen, look_at_metrics);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_max < (rlim_t)cfg->http_connections_max)
		say("note", "connections",
		        "the hard limit of open files is %lu, so that fewer connections than http.connections_max (%lld) are held; start "
		        "the service "
		        "with LimitNOFILE=%lld (prlimit --nofile=%lld COMMAND)",
		        (unsigned long)files.rlim_max, (long long)cfg->http_connections_max, 2 * (long long)cfg->http_connections_max,
		        2 * (long long)cfg->http_connections_max);
}

static void examine(const struct sp_config *cfg)
{
	struct sp_runtime_options ro = sp_cmd_runtime_options(cfg);
	struct sp_err err = {0};
	struct sp_languages *ls = sp_languages_load(cfg->languages_dir, &err);

	if (!ls) say("missing", "languages", "%s%s", err.msg, strstr(err.msg, "; ") ? "" : "; correct that file");
	if (check_host(cfg, &ro)) check_containers(cfg, &ro, ls);
	sp_languages_free(ls);
	check_service(cfg);
}

static void help(void)
{
	sp_cmd_print_help(stdout,
	        "usage: serapis doctor [--json] [--config FILE] [SETTINGS]\n\n"
	        "Says what this host offers for running programs, one line a thing: ok, note (it works, but worth knowing) or missing, "
	        "with "
	        "what to do about it behind the last semicolon. Without root, what a user gets. Ends with 0 when nothing is missing, else "
	        "with 1.\n\n"
	        "  --json         the same as one JSON object: {\"ready\": …, \"findings\": [{\"kind\", \"name\", \"text\", \"mend\"}, "
	        "…]}\n"
	        "  --config FILE  the configuration file\n"
	        "  SETTINGS       those of the service; see 'serapis config --help'");
}

int sp_cmd_doctor(int argc, char **argv)
{
	struct sp_cmd_settings settings = {0};
	bool json = false;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--help")) {
			help();
			return SP_EXIT_OK;
		}
		if (!strcmp(argv[i], "--json")) {
			json = true;
			continue;
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
	sound = true;
	as_json = json ? json_array() : NULL;
	examine(&cfg);
	sp_config_fini(&cfg);
	if (json) {
		json_t *o = json_object();
		json_object_set_new(o, "ready", json_boolean(sound));
		json_object_set_new(o, "findings", as_json);
		json_dumpf(o, stdout, JSON_INDENT(2));
		putchar('\n');
		json_decref(o);
	} else {
		puts(sound ? "This host is ready." : "Something is missing; see the lines above.");
	}
	return sp_cmd_printed(sound ? SP_EXIT_OK : SP_EXIT_FAILED);
}
