/* SPDX-License-Identifier: MIT */
/* What the files of src/api share. */
#ifndef SP_API_INTERNAL_H
#define SP_API_INTERNAL_H

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>

#include "api/api.h"
#include "api/auth.h"
#include "api/waiters.h"
#include "base/metrics.h"
#include "core/cursor.h"
#include "core/problem.h"
#include "http/server.h"

struct sp_api {
	struct sp_api_parts parts;
	struct sp_http_server *server;
	struct sp_waiters *waiters;
	struct sp_http_route routes[48];
	struct sp_auth *auth;
	struct sp_proxies *proxies; /* client.h */
	struct sp_cors *cors;
	struct sp_rate *signups; /* by client address */
	struct sp_http_server *metrics_server; /* NULL: /metrics is on the API's port */
	struct sp_http_route metrics_routes[3];
	struct sp_metrics_watch metrics_watch;
	atomic_bool stopping;
	_Atomic int64_t drain_began_ns; /* 0: not draining */

	/* Calls of parts.language_state and parts.not_ready are made under it for reading; draining writes: afterwards `frozen` is shown and nothing is called. */
	pthread_rwlock_t parts_lock;
	struct sp_language_state *frozen; /* of each language when the drain began; NULL before */
};

/* api.c: what every server here does with faults and ends of requests; cls: the API */
void sp_api_fault(struct sp_http_request *r, enum sp_http_fault what, int64_t limit, const char *text, void *cls);
void sp_api_claims_changed(struct sp_api *a); /* parts.claims_changed, if it may still be called */
void sp_api_done(struct sp_http_request *r, int status, int64_t duration_ns, void *cls);

/* reply.c: every JSON answer of the API goes through these. All of them end the request. */
void sp_api_reply_json(struct sp_http_request *r, int status, json_t *body); /* body: consumed */
struct sp_http_text *sp_api_render(json_t *body); /* consumed; NULL: there is no memory for it */
/* Around making a large output into JSON, which takes its size many times over: waits until there is room for that. Returns what end wants to have back. */
size_t sp_api_large_begin(const struct sp_evaluation_data *d);
void sp_api_large_end(size_t n);
void sp_api_reply_rendered(struct sp_http_request *r, int status, struct sp_http_text *t); /* t: of sp_api_render, stays the caller's */
void sp_api_reply_problems(struct sp_http_request *r, struct sp_problems *ps); /* at least one; finishes ps. 503 gets a Retry-After */
void sp_api_reply_problem(struct sp_http_request *r, int status, const char *code, const char *fmt, ...) SP_PRINTF(4, 5);
/* Another form than JSON, from memory. t stays the caller's. */
void sp_api_reply_text(struct sp_http_request *r, int status, const char *content_type, struct sp_http_text *t);
/* A query parameter outside `known` (NULL-terminated) is 422 unknown_field: false after having answered. */
bool sp_api_check_query(struct sp_http_request *r, const char *const *known);

/* body.c */
json_t *sp_api_take_json(
        struct sp_http_request *r); /* the body, which must say that it is JSON; NULL after having answered. New reference. */
json_t *sp_api_take_object(struct sp_http_request *r); /* the same, an object */
/* limit and cursor of a list: limit from 1 to max. false after having answered. */
bool sp_api_take_page(struct sp_http_request *r, enum sp_cursor_kind kind, size_t dflt, size_t max, size_t *limit, struct sp_id *before,
        bool *has_before);

/* users.c */
/* Whether the caller may make a user, and (*admin) one of any role with any bounds. False after having answered. */
bool sp_api_may_sign_up(struct sp_api *a, struct sp_http_request *r, const char *signup, bool *admin);
void sp_api_post_user(struct sp_http_request *r, void *api);
void sp_api_list_users(struct sp_http_request *r, void *api);
void sp_api_get_user(struct sp_http_request *r, void *api);
void sp_api_delete_user(struct sp_http_request *r, void *api);
void sp_api_list_keys(struct sp_http_request *r, void *api);
void sp_api_post_key(struct sp_http_request *r, void *api);
void sp_api_delete_key(struct sp_http_request *r, void *api);

/* submit.c, evaluations.c, list.c, output.c: evaluations.h */
void sp_api_post_eval(struct sp_http_request *r, void *api);
void sp_api_get_evaluation(struct sp_http_request *r, void *api);
void sp_api_cancel_evaluation(struct sp_http_request *r, void *api);
void sp_api_delete_evaluation(struct sp_http_request *r, void *api);
void sp_api_list_evaluations(struct sp_http_request *r, void *api);
void sp_api_get_output(struct sp_http_request *r, void *api); /* …/output, …/stdout, …/stderr: the path's last word */
void sp_api_answer_waiter(void *api, struct sp_waiter *w, const struct sp_stored *s,
        struct sp_http_text *rendered[SP_WAITERS_ENCODINGS]); /* sp_waiters_answer */

/* languages.c */
void sp_api_get_languages(struct sp_http_request *r, void *api);
void sp_api_language_state(struct sp_api *a, size_t i, struct sp_language_state *out);

/* health.c */
void sp_api_healthz(struct sp_http_request *r, void *api);
void sp_api_readyz(struct sp_http_request *r, void *api);
bool sp_api_store_is_up(struct sp_api *a); /* answered within the last 10 s */

/* metrics.c */
void sp_api_get_metrics(struct sp_http_request *r, void *api);
void sp_api_count_request(const struct sp_http_request *r, int status, int64_t duration_ns);
int sp_api_metrics_start(struct sp_api *a, struct sp_err *err) SP_MUSTCHECK; /* after the waiters have started */
void sp_api_metrics_stop(struct sp_api *a); /* also of one that was not started */

/* page.c; cls: the asset */
extern const struct sp_http_route sp_api_page_routes[];
extern const size_t sp_api_page_nroutes;
void sp_api_page_init(void);

#endif
