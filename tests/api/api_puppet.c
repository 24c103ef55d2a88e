/* SPDX-License-Identifier: MIT */
/*
 * The API with a real store and a real broker, and an evaluator that is a puppet: for tests/api/test_api_faults.py. What it does with an evaluation stands in the first file:
 *   "hold…"   is claimed and ends at the command `finish`
 *   else      ends at once with ok and the file as output
 * Arguments: STORE-URL LANGUAGES-DIR [KEY=VALUE…] (settings). The first line on stdout is the port, or "error …". Each line on stdin is a command and gets one line:
 *   finish         ends what is held                     → how many
 *   held           how many are held
 *   take on|off    whether deliveries are taken          → "ok"
 *   replies on|off whether ends are told to the broker   → "ok"
 *   store away|back  whether the store answers           → "ok"
 *   reads on|off   whether evaluations can be read       → "ok"
 *   stuck on|off   whether storing waits without an end  → "ok"
 *   available on|off whether languages are               → "ok"
 *   ready on|off                                         → "ok"
 *   drain          sp_api_drain_begin                    → "ok"
 *   stop MS        sp_api_stop(MS)                       → "ok"
 *   stop-finish MS the same, and `finish` while it waits → "ok"
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/api.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/request.h"
#include "core/result.h"
#include "store_front.h"

#define HELD_MAX 10000
#define LEASE_MS (600 * 1000)

static struct sp_config config;
static struct sp_languages *languages;
static struct sp_broker *broker;
static atomic_bool takes = true, replies = true, away = false, stuck = false, reads = true, available = true, ready = true, drained = false;

/* A store that can be away. */
static struct sp_store *real;
static int refuse(struct sp_err *err) { return sp_fail(err, SP_E_UNAVAILABLE, 0, "the test has taken the store away"); }
static struct store_front faulty;

static int before(struct store_front *f, const char *op, struct sp_err *err)
{
	/* What the evaluator calls goes to the real store. */
	if (strcmp(op, "create") == 0)
		while (stuck) nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
	return away || (!reads && strcmp(op, "get") == 0) ? refuse(err) : 0;
}

static struct {
	struct sp_delivery d;
	int64_t claim_no;
	struct sp_request req;
} held[HELD_MAX];
static size_t nheld;
static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;

static void die(const char *what, const struct sp_err *err)
{
	fprintf(stderr, "puppet: %s: %s\n", what, err->msg);
	abort();
}

static void end(const struct sp_delivery *d, int64_t claim_no, struct sp_request *req)
{
	struct sp_outcome o = {.request = req, .run.ran = true, .start = "cold", .runtime_version = "1.0"};
	struct sp_finish_hold hold = {0};
	struct sp_finish f = {0};
	struct sp_err err = {0};
	bool applied;

	sp_output_init(&o.run.output, req->limits.run.output_bytes);
	sp_output_add(&o.run.output, SP_STDOUT, req->files[0].content.p, req->files[0].content.n);
	sp_outcome_judge(&o, &f, &hold);
	f.id = d->id;
	f.claim_no = claim_no;
	if (sp_store_finish(real, &f, &applied, &err) < 0) die("finish", &err);
	if (replies && d->wants_reply) sp_broker_reply(broker, d);
	sp_broker_ack(broker, d);
	sp_finish_hold_fini(&hold);
	sp_output_fini(&o.run.output);
	sp_request_fini(req);
}

static void deal_with(const struct sp_delivery *d)
{
	struct sp_claim_request in = {.id = d->id, .evaluator_id = "puppet", .lease_ms = LEASE_MS, .max_lost = 3};
	enum sp_claim_outcome outcome;
	struct sp_stored s = {0};
	struct sp_err err = {0};
	struct sp_request req = {0};

	if (sp_store_claim(real, &in, &outcome, &s, &err) < 0) die("claim", &err);
	if (outcome != SP_CLAIM_MINE) {
		sp_stored_fini(&s);
		return;
	}
	if (sp_request_decode(s.data.request.p, s.data.request.n, s.row.language, languages, &req, &err) < 0) die("decode", &err);
	if (req.files[0].content.n >= 4 && !memcmp(req.files[0].content.p, "hold", 4)) {
		pthread_mutex_lock(&mu);
		held[nheld].d = *d;
		held[nheld].claim_no = s.row.claim_no;
		held[nheld++].req = req;
		pthread_mutex_unlock(&mu);
	} else {
		end(d, s.row.claim_no, &req);
	}
	sp_stored_fini(&s);
}

static void *evaluator(void *cls)
{
	for (;;) {
		struct sp_delivery d;
		enum sp_take got = sp_broker_take(broker, 20, &d);
		if (got == SP_TAKE_STOPPED) return NULL;
		if (got != SP_TAKE_GOT) continue;
		if (takes) {
			deal_with(&d);
			continue;
		}
		sp_broker_requeue(broker, &d);
		nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
	}
}

static size_t finish(void)
{
	size_t n = 0;
	for (;; n++) {
		pthread_mutex_lock(&mu);
		bool any = nheld > 0;
		if (any) nheld--;
		__typeof__(held[0]) h = held[nheld];
		pthread_mutex_unlock(&mu);
		if (!any) return n;
		end(&h.d, h.claim_no, &h.req);
	}
}

static void *finish_soon(void *cls)
{
	nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
	finish();
	return NULL;
}

static void language_state(void *cls, size_t i, struct sp_language_state *out)
{
	if (drained) abort(); /* promised not to be called */
	*out = (struct sp_language_state){.available = available};
	snprintf(out->version, sizeof(out->version), "1.%zu", i);
	if (!available) snprintf(out->why, sizeof(out->why), "the test says so");
}

static const char *not_ready(void *cls)
{
	if (drained) abort();
	return ready ? NULL : "the test says so";
}

static bool set(const char *line, const char *name, const char *yes, atomic_bool *flag)
{
	size_t n = strlen(name);
	if (strncmp(line, name, n) != 0 || line[n] != ' ') return false;
	atomic_store(flag, !strcmp(line + n + 1, yes));
	return true;
}

int main(int argc, char **argv)
{
	struct sp_setting settings[32];
	size_t n = 0;
	struct sp_err err = {0};

	if (argc < 3) return 2;
	for (int i = 3; i < argc && n < SP_COUNT(settings); i++) {
		char *eq = strchr(argv[i], '=');
		*eq = '\0';
		settings[n++] = (struct sp_setting){argv[i], eq + 1};
	}
	if (sp_config_load(&config, "/dev/null", NULL, settings, n, &err) < 0) goto fail;
	enum sp_log_level level;
	if (!sp_log_level_parse(config.log_level, &level)) return 2;
	sp_log_setup(level, true);
	if (!(languages = sp_languages_load(argv[2], &err))) goto fail;
	if (!(real = sp_store_open(argv[1], &err))) goto fail;
	store_front_init(&faulty, real, before);
	if (!(broker = sp_broker_open("embedded", NULL, &err))) goto fail;
	pthread_t t;
	if (pthread_create(&t, NULL, evaluator, NULL) != 0) return 2;
	struct sp_api_parts parts = {&config, languages, &faulty.super, broker, language_state, not_ready, NULL};
	struct sp_api *a = sp_api_start(&parts, &err);
	if (!a) goto fail;
	printf("%d\n", sp_api_port(a));
	fflush(stdout);

	char line[128];
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		if (!strcmp(line, "finish")) {
			printf("%zu\n", finish());
		} else if (!strcmp(line, "held")) {
			pthread_mutex_lock(&mu);
			printf("%zu\n", nheld);
			pthread_mutex_unlock(&mu);
		} else if (!strcmp(line, "drain")) {
			sp_api_drain_begin(a);
			drained = true;
			puts("ok");
		} else if (!strncmp(line, "stop ", 5)) {
			sp_api_stop(a, strtol(line + 5, NULL, 10));
			a = NULL;
			puts("ok");
		} else if (!strncmp(line, "stop-finish ", 12)) {
			pthread_t soon;
			if (pthread_create(&soon, NULL, finish_soon, NULL) != 0) return 2;
			sp_api_stop(a, strtol(line + 12, NULL, 10));
			a = NULL;
			pthread_join(soon, NULL);
			puts("ok");
		} else if (set(line, "take", "on", &takes) || set(line, "replies", "on", &replies) || set(line, "store", "away", &away) ||
		           set(line, "stuck", "on", &stuck) || set(line, "available", "on", &available) ||
		           set(line, "ready", "on", &ready) || set(line, "reads", "on", &reads)) {
			puts("ok");
		} else {
			puts("unknown command");
		}
		fflush(stdout);
	}
	away = stuck = false;
	sp_api_stop(a, 0);
	finish();
	sp_broker_stop(broker);
	pthread_join(t, NULL);
	sp_broker_close(broker);
	sp_store_close(real);
	sp_languages_free(languages);
	sp_config_fini(&config);
	return 0;
fail:
	printf("error %s: %s\n", sp_code_name(err.code), err.msg);
	return 1;
}
