/* SPDX-License-Identifier: MIT */
/*
 * POST /v1/eval/{language}, and the same for the routes of the original API.
 *
 * The order that keeps the promises: everything that can refuse comes before the row is stored; once it is durable the answer is 200 or 202, whatever happens; a waiter is in the table
 * before the broker hears of the id, so its reply finds it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/evaluations.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/account.h"
#include "core/ended.h"
#include "core/load.h"
#include "core/request.h"

static const struct sp_language *take_language(struct sp_api *a, struct sp_http_request *r)
{
	const struct sp_languages *ls = a->parts.languages;
	const char *name = sp_http_param(r, "language");
	const struct sp_language *l = sp_languages_find(ls, name);

	if (l) return l;
	char list[200] = "";
	size_t len = 0;
	for (size_t i = 0; i < ls->n; i++) {
		int w = snprintf(list + len, sizeof(list) - len, "%s%s", i ? ", " : "", ls->list[i].id);
		if (w < 0 || (size_t)w >= sizeof(list) - len) {
			list[len] = '\0';
			break;
		}
		len += (size_t)w;
	}
	const char *near = sp_languages_nearest(ls, name);
	struct sp_problems ps = {0};
	sp_problem_add(&ps, 404, "unknown_language", NULL, json_string(name), NULL,
	        "there is no language '%.40s'%s%s%s; this server has: %s", name, near ? "; did you mean '" : "", near ? near : "",
	        near ? "'?" : "", list);
	sp_api_reply_problems(r, &ps);
	return NULL;
}

static bool is_available(struct sp_api *a, struct sp_http_request *r, const struct sp_language *l)
{
	struct sp_language_state state = {0};

	sp_api_language_state(a, (size_t)(l - a->parts.languages->list), &state);
	if (state.available) return true;
	sp_api_reply_problem(
	        r, 503, "language_unavailable", "%s cannot be run at the moment%s%s", l->name, state.why[0] ? ": " : "", state.why);
	return false;
}

static bool is_draining(struct sp_api *a, struct sp_http_request *r)
{
	sp_autoconfig const struct sp_config *now = sp_config_hold(a->parts.config);
	int64_t began = atomic_load(&a->drain_began_ns);

	if (!atomic_load(&a->stopping) && (!began || sp_mono_ns() - began < now->drain_delay_ms * SP_NS_PER_MS)) return false;
	sp_api_reply_problem(r, 503, "draining", "the service is ending; nothing was stored, send it again");
	return true;
}

/* The header's key, NULL when there is none. False after having answered. */
static bool take_idempotency_key(struct sp_http_request *r, const char **key)
{
	const char *k = *key = sp_http_header(r, "Idempotency-Key");
	size_t n = k ? strlen(k) : 0, visible = 0;

	if (!k) return true;
	while (visible < n && k[visible] > 0x20 && k[visible] < 0x7f) visible++;
	if (n > 0 && n < SP_IDEMPOTENCY_KEY_LEN && visible == n) return true;
	struct sp_problems ps = {0};
	sp_problem_add(&ps, 422, "invalid_field", NULL, NULL, json_integer(SP_IDEMPOTENCY_KEY_LEN - 1),
	        "the header Idempotency-Key must have 1 to %d visible ASCII characters", SP_IDEMPOTENCY_KEY_LEN - 1);
	sp_api_reply_problems(r, &ps);
	return false;
}

/* What makes two requests the same: language and body, whatever the order of its keys, but not how it is to be answered. False: no memory. */
static bool hash_body(const struct sp_language *l, json_t *body, unsigned char out[SP_BODY_HASH_BYTES])
{
	json_t *same = json_copy(body);

	json_object_del(same, "async");
	json_object_del(same, "wait_ms");
	json_t *whole = json_pack("[s, o]", l->id, same);
	char *text = json_dumps(whole, JSON_COMPACT | JSON_SORT_KEYS);
	json_decref(whole);
	if (text) sp_blake2b(text, strlen(text), out);
	free(text);
	return text != NULL;
}

static bool reply_outcome(struct sp_http_request *r, enum sp_create_outcome outcome, const struct sp_new_evaluation *in)
{
	struct sp_problems ps = {0};

	switch (outcome) {
	case SP_CREATE_NEW:
	case SP_CREATE_REPLAYED: return true;
	case SP_CREATE_NO_USER:
		sp_problem_add(&ps, 401, "unauthenticated", NULL, NULL, NULL, "the user of this key does not exist any more");
		break;
	case SP_CREATE_REUSED:
		sp_problem_add(&ps, 422, "idempotency_key_reused", NULL, NULL, NULL,
		        "the Idempotency-Key '%.80s' came with another body before; take a new key for a new request", in->idempotency_key);
		break;
	case SP_CREATE_QUEUE_FULL:
		sp_problem_add(&ps, 503, "queue_full", NULL, NULL, json_integer(in->max_waiting),
		        "%" PRId64 " evaluations wait already (queue.max_waiting); nothing was stored, try again later", in->max_waiting);
		break;
	case SP_CREATE_KEY_FULL:
		sp_http_add_header(r, "Retry-After", "1");
		sp_problem_add(&ps, 429, "too_many_waiting", NULL, NULL, json_integer(in->key_max_waiting),
		        "%" PRId64 " evaluations of this key wait already (max_waiting); nothing was stored, try again when some have run",
		        in->key_max_waiting);
		break;
	}
	sp_api_reply_problems(r, &ps);
	return false;
}

/* Makes the row durable, or finds the one that the same request made before. False after having answered: nothing was stored. */
static bool store_request(struct sp_api *a, const struct sp_config *now, struct sp_http_request *r, const struct sp_caller *caller,
        struct sp_new_evaluation *in, const struct sp_request *req, enum sp_create_outcome *outcome, struct sp_evaluation *out)
{
	struct sp_err err = {0};

	in->id = sp_id_new();
	in->language = req->language->id;
	in->class_ = req->class_;
	in->reference = req->reference;
	in->max_waiting = now->queue_max_waiting;
	in->max_runs = req->max_runs;
	in->idempotency_keep_ms = now->idempotency_keep_ms;
	if (caller->has_user) {
		in->user_id = &caller->user.id;
		in->key_id = caller->key.id;
		in->key_max_waiting = caller->key.max_waiting;
		in->max_running = caller->key.max_running;
	}
	sp_autofree char *text = sp_request_encode(req, &in->request.n);
	in->request.p = text;
	if (sp_store_create(a->parts.store, in, outcome, out, &err) == 0) {
		if (*outcome == SP_CREATE_NEW) {
			sp_metric_count(SP_M_ACCEPTED, req->language->id, sp_class_name(req->class_));
			sp_load_arrived(req->class_);
		}
		return reply_outcome(r, *outcome, in);
	}
	sp_log_error("api", "cannot store an evaluation", SP_S("request_id", sp_http_request_id(r)), SP_ERR(&err));
	sp_api_reply_problem(
	        r, 503, "store_unavailable", "the store cannot take the evaluation at the moment; nothing was stored, try again");
	return false;
}

static void publish(struct sp_api *a, const struct sp_id *id, enum sp_class class_, bool waits)
{
	struct sp_err err = {0};
	char text[SP_ID_TEXT];
	/* In one process a reply is a function call, and lets GET ?wait_ms= answer at once; elsewhere it is a message that only a synchronous request is worth. */
	bool wants_reply = waits || !strcmp(a->parts.broker->ops->name, "embedded");

	if (sp_broker_publish(a->parts.broker, id, class_, wants_reply, &err) == 0) return;
	sp_id_text(id, text);
	sp_log_warn("api", "not published; the janitor will", SP_S("evaluation_id", text), SP_ERR(&err));
}

/* The checked request, or false after having answered. */
static bool take_request(
        const struct sp_config *now, struct sp_http_request *r, const struct sp_language *l, json_t *body, struct sp_request *out)
{
	struct sp_problems ps = {0};

	if (sp_request_parse(body, l, now, out, &ps)) {
		sp_problems_fini(&ps);
		return true;
	}
	sp_request_fini(out);
	sp_api_reply_problems(r, &ps);
	return false;
}

void sp_api_submit(struct sp_api *a, struct sp_http_request *r, const struct sp_caller *caller, const struct sp_language *l, json_t *body,
        enum sp_encoding encoding, char *echo)
{
	sp_autoconfig const struct sp_config *now = sp_config_hold(a->parts.config);
	struct sp_new_evaluation in = {.reference = NULL};
	enum sp_create_outcome outcome = SP_CREATE_NEW;
	struct sp_request req = {0};
	struct sp_stored s = {0};

	if (!take_idempotency_key(r, &in.idempotency_key) || !take_request(now, r, l, body, &req)) {
		free(echo);
		return;
	}
	bool ok = !is_draining(a, r) && is_available(a, r, l);
	if (ok && in.idempotency_key && !hash_body(l, body, in.body_hash)) {
		sp_api_reply_problem(r, 503, "overloaded", "there is no memory for the request; nothing was stored, try again");
		ok = false;
	}
	ok = ok && store_request(a, now, r, caller, &in, &req, &outcome, &s.row);
	bool waits = !req.async && req.wait_ms > 0;
	int64_t wait_ms = req.wait_ms < now->http_sync_wait_max_ms ? req.wait_ms : now->http_sync_wait_max_ms;
	enum sp_class class_ = req.class_;
	sp_request_fini(&req);
	if (!ok) {
		free(echo);
		return;
	}
	sp_api_note_evaluation(r, &s.row.id);
	if (outcome == SP_CREATE_REPLAYED) {
		sp_http_add_header(r, "Idempotent-Replayed", "true");
		sp_api_reply_or_wait(a, r, &s.row, encoding, waits ? wait_ms : 0, true, echo);
		return;
	}
	/* Nobody asks again for what has no key, and nobody reads what nobody waits for. */
	struct sp_api_wait w = {
	        .encoding = encoding, .created_here = true, .cancel_when_gone = !in.idempotency_key, .wait_ms = wait_ms, .echo = echo};
	if (waits) sp_api_wait_for(a, r, &s.row, &w);
	publish(a, &in.id, class_, waits);
	if (!waits) sp_api_reply_stored(r, &s, encoding, true, echo);
}

void sp_api_post_eval(struct sp_http_request *r, void *api)
{
	struct sp_api *a = api;
	static const char *const known[] = {"encoding", NULL};
	struct sp_caller caller;
	enum sp_encoding encoding;

	if (!sp_api_caller(a, r, &caller)) return;
	const struct sp_language *l = take_language(a, r);
	if (!l || !sp_api_check_query(r, known) || !sp_api_take_encoding(r, &encoding)) return;
	json_t *body = sp_api_take_json(r);
	if (!body) return;
	sp_api_submit(a, r, &caller, l, body, encoding, NULL);
	json_decref(body);
}
