/* SPDX-License-Identifier: MIT */
/*
 * `serapis serve`: API and evaluator in one process.
 *
 * Order of start: the runtime first, because starting the box is the only thing that needs privileges and must happen before any thread exists; then privileges are
 * dropped; then store, broker, worker, janitor and API. Order of end (SIGTERM, SIGINT): not ready → pause for balancers (SIGTERM only) → listening ends → nothing new is
 * taken, runs end → waiters answered → everything closed. A second signal ends the process at once; nothing is lost by that either.
 */
#include <errno.h>
#include <libgen.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "api/api.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "worker/janitor.h"
#include "worker/worker.h"

struct service {
	struct sp_config cfg;
	struct sp_languages *languages;
	struct sp_runtime *runtime;
	struct sp_store *store;
	struct sp_broker *broker;
	struct sp_worker *worker;
	struct sp_janitor *janitor;
	struct sp_api *api;
};

static void language_state(void *cls, size_t i, struct sp_language_state *out) { sp_worker_language(cls, i, out); }
static void claims_changed(void *cls) { sp_worker_look(cls); }
static const char *not_ready(void *cls) { return sp_worker_not_ready(cls); }

/* The database's directory must exist before privileges go, and belong to whom we become. An existing directory is left as it is: its owner had reasons. */
static int make_state_directory(const struct sp_config *cfg, const struct passwd *pw, struct sp_err *err)
{
	if (strncmp(cfg->store, "sqlite:/", 8) != 0) return 0;
	sp_autofree char *path = sp_strdup(cfg->store + 7);
	const char *dir = dirname(path);
	struct stat st;
	if (stat(dir, &st) == 0) return 0;
	if (sp_mkdir_p(dir, 0700, err) < 0) return -1;
	if (chown(dir, pw->pw_uid, pw->pw_gid) < 0) return sp_fail(err, SP_E_IO, errno, "chown %s to %s", dir, pw->pw_name);
	return 0;
}

static int become_user(const struct sp_config *cfg, struct sp_err *err)
{
	const struct passwd *pw;
	if (sp_cmd_find_user(cfg, &pw, err) < 0) return -1;
	if (!pw) return 0;
	return make_state_directory(cfg, pw, err) < 0 ? -1 : sp_cmd_become_user(pw, err);
}

static int write_port_file(const struct sp_config *cfg, int port, struct sp_err *err)
{
	if (!cfg->http_port_file[0]) return 0;
	/* Written aside and renamed: a reader that polls for the file never sees it empty. */
	sp_autofree char *tmp = sp_asprintf("%s.tmp", cfg->http_port_file);
	FILE *f = fopen(tmp, "we");
	if (!f) return sp_fail(err, SP_E_IO, errno, "write %s", tmp);
	fprintf(f, "%d\n", port);
	if (fclose(f) != 0 || rename(tmp, cfg->http_port_file) < 0) return sp_fail(err, SP_E_IO, errno, "write %s", cfg->http_port_file);
	return 0;
}

static int service_start(struct service *s, struct sp_err *err)
{
	struct sp_runtime_options ro = sp_cmd_runtime_options(&s->cfg);
	if (!(s->languages = sp_languages_load(s->cfg.languages_dir, err))) return -1;
	if (!(s->runtime = sp_runtime_open(s->cfg.runtime, &ro, err))) return -1;
	if (become_user(&s->cfg, err) < 0) return -1;
	if (!(s->store = sp_store_open(s->cfg.store, err))) return -1;
	struct sp_broker_options bo = {.queue_max = (size_t)s->cfg.queue_memory_ids};
	if (!(s->broker = sp_broker_open(s->cfg.broker, &bo, err))) return -1;
	struct sp_worker_parts wp = {
	        .config = &s->cfg, .languages = s->languages, .store = s->store, .broker = s->broker, .runtime = s->runtime};
	if (!(s->worker = sp_worker_start(&wp, err))) return -1;
	struct sp_api_parts ap = {
	        .config = &s->cfg,
	        .languages = s->languages,
	        .store = s->store,
	        .broker = s->broker,
	        .language_state = language_state,
	        .claims_changed = claims_changed,
	        .not_ready = not_ready,
	        .cls = s->worker,
	};
	if (!(s->api = sp_api_start(&ap, err))) return -1;
	if (!(s->janitor = sp_janitor_start(&s->cfg, s->store, s->broker, err))) return -1;
	return write_port_file(&s->cfg, sp_api_port(s->api), err);
}

static void service_stop(struct service *s, bool pause_for_balancers)
{
	if (s->api) sp_api_drain_begin(s->api);
	const struct sp_config *now = sp_config_hold(&s->cfg);
	int64_t delay_ms = now->drain_delay_ms, timeout_ms = now->drain_timeout_ms;
	sp_config_drop(now);
	if (s->api && pause_for_balancers) {
		struct timespec t = {.tv_sec = delay_ms / 1000, .tv_nsec = (delay_ms % 1000) * 1000000};
		while (nanosleep(&t, &t) < 0 && errno == EINTR) continue;
	}
	if (s->api) sp_api_stop_listening(s->api);
	sp_janitor_stop(s->janitor);
	if (s->worker) sp_worker_drain(s->worker, timeout_ms);
	/* What could be answered has been; a waiter whose evaluation did not run gets its 202 now. */
	if (s->api) sp_api_stop(s->api, 0);
	if (s->broker) sp_broker_close(s->broker);
	if (s->runtime) sp_runtime_close(s->runtime);
	sp_store_close(s->store);
	if (s->languages) sp_languages_free(s->languages);
	sp_config_fini(&s->cfg);
}

static void log_change(void *cls, const struct sp_config_change *c)
{
	const struct sp_log_field fields[] = {SP_S("key", c->key), SP_S("from", c->from), SP_S("to", c->to), {.name = NULL}};
	if (c->applied)
		sp_log_write(SP_LOG_INFO, "config", "changed", fields);
	else
		sp_log_write(SP_LOG_WARN, "config", "not changed: it is read at start only; restart the service for it", fields);
	++*(int *)cls;
}

/* What cannot be taken as a whole is not taken at all: a service that runs is worth more than the newest of its settings. */
static void reload(struct service *s, const struct sp_cmd_settings *settings)
{
	struct sp_err err = {0};
	int n = 0;

	if (sp_config_reload(&s->cfg, settings->file, environ, settings->list, settings->n, log_change, &n, &err) < 0) {
		sp_log_error("config", "nothing was changed: the configuration is not valid", SP_ERR(&err));
		return;
	}
	sp_autoconfig const struct sp_config *now = sp_config_hold(&s->cfg);
	sp_cmd_set_log_level(now);
	sp_log_info("config", "read again", SP_I("differences", n));
}

static void *second_signal(void *set)
{
	int sig;
	/* Nothing is said: what holds up the end may be whoever reads the log. */
	for (;;)
		if (sigwait(set, &sig) == 0 && sig != SIGHUP) _exit(128 + sig);
	return NULL;
}

static void help(void)
{
	sp_cmd_print_help(stdout,
	        "usage: serapis serve [--config FILE] [SETTINGS]\n\n"
	        "Starts the whole service in one process: HTTP API, queue, SQLite store and containers. Ends on SIGTERM or Ctrl-C after "
	        "what "
	        "runs has ended; a second signal ends it at once. SIGHUP reads the settings again; 'serapis config' says which it changes. "
	        "Containers need root at start; --user NAME names whom the service becomes afterwards.\n\n"
	        "  --config FILE  the configuration file; default: $SERAPIS_CONFIG or /etc/serapis/serapis.yaml\n\n");
	sp_cmd_print_config_help();
}

int sp_cmd_serve(int argc, char **argv)
{
	struct sp_cmd_settings settings = {0};
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--help")) {
			help();
			return SP_EXIT_OK;
		}
		int got = sp_cmd_take_setting(argc, argv, &i, &settings);
		if (got < 0) return SP_EXIT_USAGE;
		if (got == 0) {
			sp_cmd_complain("serve: unknown argument '%s' ('serapis serve --help' lists them)", argv[i]);
			return SP_EXIT_USAGE;
		}
	}

	struct service s = {0};
	struct sp_err err = {0};
	if (sp_cmd_load(&settings, &s.cfg) < 0) return SP_EXIT_FAILED;

	/* Signals are waited for by this thread alone; every thread made from here on inherits the block. */
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, NULL);

	if (service_start(&s, &err) < 0) {
		service_stop(&s, false);
		sp_cmd_complain("%s", err.msg); /* last, below what the parts that were interrupted may have logged */
		return SP_EXIT_FAILED;
	}
	struct sp_runtime_info info;
	sp_runtime_info(s.runtime, &info);
	if (geteuid() == 0)
		sp_log_warn("serve", "the service itself runs as root; it needs no privilege after start: name a user with --user");
	sp_log_info("serve", "serving", SP_S("listen", s.cfg.http_listen), SP_I("port", sp_api_port(s.api)), SP_I("slots", info.slots),
	        SP_S("isolation", info.isolation));

	sp_cmd_notify("READY=1");
	int sig = 0;
	for (;;) {
		if (sigwait(&set, &sig) != 0) continue;
		if (sig != SIGHUP) break;
		reload(&s, &settings);
	}
	sp_log_info("serve", "draining", SP_I("signal", sig));
	sp_cmd_notify("STOPPING=1");
	pthread_t t;
	if (pthread_create(&t, NULL, second_signal, &set) == 0) pthread_detach(t);
	service_stop(&s, sig == SIGTERM);
	sp_log_info("serve", "ended");
	return SP_EXIT_OK;
}
