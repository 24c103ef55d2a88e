/* SPDX-License-Identifier: MIT */
/* Wires the resources to the HTTP server: routes, the gate before every request, answers to faults, access log, start and stop. */
#include "api/api.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/client.h"
#include "api/internal.h"
#include "api/legacy.h"
#include "api/rate.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define SMALL_BODY 4096
#define SIGNUP_BUCKETS 4096
#define WORK_THREADS 16 /* they wait for the store, not for a processor */
#define IDLE_MS (75 * 1000) /* longer than a balancer's 65 s, so that it is the balancer that closes */
#define ANSWER_MS (120 * 1000) /* for the largest answer over a slow line; a client that takes longer only holds memory */
#define STOP_MS 5000 /* for answers that are on their way when everybody has been answered */

void sp_api_fault(struct sp_http_request *r, enum sp_http_fault what, int64_t limit, const char *text, void *cls)
{
	struct sp_problems ps = {0};

	switch (what) {
	case SP_HTTP_BAD_REQUEST:
		sp_problem_add(&ps, 400, "bad_request", NULL, NULL, NULL, "the request is not well-formed HTTP: %s", text);
		break;
	case SP_HTTP_NOT_FOUND:
		sp_problem_add(&ps, 404, "not_found", NULL, NULL, NULL, "there is nothing at %.100s", sp_http_path(r));
		break;
	case SP_HTTP_METHOD:
		sp_http_add_header(r, "Allow", text);
		sp_problem_add(&ps, 405, "method_not_allowed", NULL, NULL, NULL, "%s is not possible at %.100s; possible: %s",
		        sp_http_method(r), sp_http_path(r), text);
		break;
	case SP_HTTP_TIMEOUT:
		sp_problem_add(&ps, 408, "request_timeout", NULL, NULL, json_integer(limit),
		        "the request was not complete after %" PRId64 " ms (http.request_deadline)", limit);
		break;
	case SP_HTTP_TOO_LARGE:
		if (limit)
			sp_problem_add(&ps, 413, "body_too_large", NULL, NULL, json_integer(limit),
			        "the body is larger than %" PRId64 " bytes (http.body_max)", limit);
		else
			sp_problem_add(&ps, 413, "body_too_large", NULL, NULL, json_integer(0), "this request takes no body");
		break;
	case SP_HTTP_HEADERS_TOO_LARGE:
		sp_problem_add(&ps, 431, "headers_too_large", NULL, NULL, json_integer(limit),
		        "the header is larger than %" PRId64 " bytes or has too many fields", limit);
		break;
	case SP_HTTP_OVERLOADED:
		sp_problem_add(&ps, 503, "overloaded", NULL, NULL, NULL, "%s; try again later", text ? text : "there is too much to do");
		break;
	}
	sp_api_reply_problems(r, &ps);
}

void sp_api_done(struct sp_http_request *r, int status, int64_t duration_ns, void *cls)
{
	const struct sp_http_route *route = sp_http_route_of(r);
	/* Probes and scrapes come every few seconds for ever. */
	bool probe = route && status == 200 &&
	             (route->handler == sp_api_healthz || route->handler == sp_api_readyz || route->handler == sp_api_get_metrics);

	sp_api_count_request(r, status, duration_ns);
	enum sp_log_level level = probe ? SP_LOG_DEBUG : SP_LOG_INFO;
	if (!sp_log_on(level)) return;

	/* The path without the query; status null: the client left before the answer. */
	struct sp_log_field fields[8] = {
	        SP_S("request_id", sp_http_request_id(r)),
	        SP_S("method", sp_http_method(r)),
	        SP_S("path", sp_http_path(r)),
	        SP_I("http_status", status),
	        SP_MS("total_ms", duration_ns),
	};
	size_t n = 5;
	const char *evaluation = sp_http_note(r, SP_HTTP_NOTE_EVALUATION), *user = sp_http_note(r, SP_HTTP_NOTE_USER);
	if (evaluation) fields[n++] = (struct sp_log_field)SP_S("evaluation_id", evaluation);
	if (user) fields[n++] = (struct sp_log_field)SP_S("user_id", user);
	sp_log_write(level, "http", status ? "request" : "request without answer", fields);
}

static void on_reply(void *cls, const struct sp_id *id)
{
	struct sp_api *a = cls;
	sp_waiters_wake(a->waiters, id);
}

static int start_server(struct sp_api *a, struct sp_err *err)
{
	const struct sp_config *c = a->parts.config;
	struct sp_http_route own[] = {
	        {"POST", "/v1/eval/{language}", (size_t)c->http_body_max_bytes, sp_api_post_eval, a},
	        {"GET", "/v1/evaluations", 0, sp_api_list_evaluations, a}, {"GET", "/v1/evaluations/{id}", 0, sp_api_get_evaluation, a},
	        {"DELETE", "/v1/evaluations/{id}", 0, sp_api_delete_evaluation, a},
	        {"POST", "/v1/evaluations/{id}/cancel", SMALL_BODY, sp_api_cancel_evaluation, a},
	        {"GET", "/v1/evaluations/{id}/output", 0, sp_api_get_output, a},
	        {"GET", "/v1/evaluations/{id}/stdout", 0, sp_api_get_output, a},
	        {"GET", "/v1/evaluations/{id}/stderr", 0, sp_api_get_output, a}, {"GET", "/v1/languages", 0, sp_api_get_languages, a},
	        {"GET", "/v1/users", 0, sp_api_list_users, a}, {"POST", "/v1/users", SMALL_BODY, sp_api_post_user, a},
	        {"GET", "/v1/users/{user}", 0, sp_api_get_user, a}, {"DELETE", "/v1/users/{user}", 0, sp_api_delete_user, a},
	        {"GET", "/v1/users/{user}/keys", 0, sp_api_list_keys, a}, {"POST", "/v1/users/{user}/keys", SMALL_BODY, sp_api_post_key, a},
	        {"DELETE", "/v1/users/{user}/keys/{key}", 0, sp_api_delete_key, a}, {"GET", "/api/healthcheck", 0, sp_legacy_health, a},
	        {"GET", "/api/users", 0, sp_legacy_list_users, a}, {"POST", "/api/users", SMALL_BODY, sp_legacy_post_user, a},
	        {"GET", "/api/users/api-key", 0, sp_legacy_get_key, a},
	        {"POST", "/api/evaluations/{language}", (size_t)c->http_body_max_bytes, sp_legacy_post_evaluation, a},
	        {"GET", "/healthz", 0, sp_api_healthz, a, .urgent = true}, {"GET", "/readyz", 0, sp_api_readyz, a, .urgent = true},
	        {"GET", "/metrics", 0, sp_api_get_metrics, a}, /* the last: not here when it has a port of its own */
	};
	size_t n = SP_COUNT(own) - (*c->http_metrics_listen ? 1 : 0);
	SP_BUG_ON(SP_COUNT(own) + sp_api_page_nroutes > SP_COUNT(a->routes));
	memcpy(a->routes, own, n * sizeof(own[0]));
	memcpy(a->routes + n, sp_api_page_routes, sp_api_page_nroutes * sizeof(own[0]));

	struct sp_http_options opt = {
	        .listen = c->http_listen,
	        .routes = a->routes,
	        .nroutes = n + sp_api_page_nroutes,
	        .loop_threads = (int)c->http_threads,
	        .work_threads = WORK_THREADS,
	        .connections_max = (size_t)c->http_connections_max,
	        .work_queue_max = (size_t)c->http_connections_max,
	        .request_deadline_ms = c->http_request_deadline_ms,
	        .memory_max = (size_t)c->http_memory_max_bytes,
	        .answer_deadline_ms = ANSWER_MS,
	        .idle_ms = IDLE_MS,
	        .fault = sp_api_fault,
	        .gate = sp_api_gate,
	        .done = sp_api_done,
	        .cls = a,
	};
	a->server = sp_http_start(&opt, err);
	return a->server ? 0 : -1;
}

static void api_free(struct sp_api *a)
{
	sp_api_metrics_stop(a);
	sp_waiters_free(a->waiters);
	sp_auth_free(a->auth);
	sp_proxies_free(a->proxies);
	sp_cors_free(a->cors);
	sp_rate_free(a->signups);
	pthread_rwlock_destroy(&a->parts_lock);
	free(a->frozen);
	free(a);
}

struct sp_api *sp_api_start(const struct sp_api_parts *parts, struct sp_err *err)
{
	struct sp_api *a = sp_new(struct sp_api);
	a->parts = *parts;
	atomic_init(&a->stopping, false);
	atomic_init(&a->drain_began_ns, 0);
	pthread_rwlock_init(&a->parts_lock, NULL);
	sp_api_page_init();
	a->signups = sp_rate_new(SIGNUP_BUCKETS);
	if (!(a->proxies = sp_proxies_parse(parts->config->http_trusted_proxies, err))) goto fail;
	if (!(a->cors = sp_cors_parse(parts->config->http_cors_origins, err))) goto fail;
	if (!(a->auth = sp_auth_new(parts->store, parts->config, err))) goto fail;
	if (!(a->waiters = sp_waiters_start(parts->store, sp_api_answer_waiter, a, err))) goto fail;
	if (sp_api_metrics_start(a, err) < 0) goto fail;
	sp_broker_set_on_reply(parts->broker, on_reply, a);
	if (start_server(a, err) < 0) {
		sp_broker_set_on_reply(parts->broker, NULL, NULL);
		goto fail;
	}
	return a;
fail:
	api_free(a);
	return NULL;
}

int sp_api_port(const struct sp_api *a) { return sp_http_port(a->server); }

void sp_api_drain_begin(struct sp_api *a)
{
	if (atomic_load(&a->drain_began_ns)) return;
	atomic_store(&a->drain_began_ns, sp_mono_ns());
	/* Taken for writing: when we have it nobody is inside the parts' functions, and nobody will be. */
	size_t n = a->parts.languages->n;
	struct sp_language_state *frozen = sp_calloc(n + 1, sizeof(*frozen));
	for (size_t i = 0; i < n; i++) sp_api_language_state(a, i, &frozen[i]);
	pthread_rwlock_wrlock(&a->parts_lock);
	a->frozen = frozen;
	pthread_rwlock_unlock(&a->parts_lock);
}

void sp_api_claims_changed(struct sp_api *a)
{
	pthread_rwlock_rdlock(&a->parts_lock);
	if (!a->frozen && a->parts.claims_changed) a->parts.claims_changed(a->parts.cls);
	pthread_rwlock_unlock(&a->parts_lock);
}

void sp_api_stop_listening(struct sp_api *a) { sp_http_quiesce(a->server); }

void sp_api_stop(struct sp_api *a, int64_t timeout_ms)
{
	if (!a) return;
	sp_api_drain_begin(a);
	atomic_store(&a->stopping, true);
	sp_http_quiesce(a->server);
	size_t cut = sp_waiters_close(a->waiters, timeout_ms);
	if (cut) sp_log_info("api", "waiting requests were answered with their evaluation as it is", SP_I("requests", cut));
	sp_broker_set_on_reply(a->parts.broker, NULL, NULL);
	sp_http_stop(a->server, STOP_MS);
	api_free(a);
}
