/* SPDX-License-Identifier: MIT */
/*
 * POST /v1/eval/{language} and GET /v1/evaluations/{id}.
 *
 * The order that keeps the promises: everything that can refuse comes before the row is stored; once it is durable the answer is 200 or 202, whatever happens; a waiter is in the table
 * before the broker hears of the id, so its reply finds it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/internal.h"
#include "base/clock.h"
#include "base/data.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/ended.h"
#include "core/load.h"
#include "core/request.h"
#include "core/result.h"

static void add_location(struct sp_http_request *r, const struct sp_id *id)
{
	char text[SP_ID_TEXT], location[64];

	sp_id_text(id, text);
	snprintf(location, sizeof(location), "/v1/evaluations/%s", text);
	sp_http_add_header(r, "Location", location);
	sp_http_add_header(r, "Retry-After", "1");
}

static void reply_evaluation(
        struct sp_http_request *r, const struct sp_stored *s, enum sp_encoding encoding, bool created_here, struct sp_http_text **rendered)
{
	bool pending = created_here && !sp_status_terminal(s->row.status);

	if (!*rendered) *rendered = sp_api_render(sp_evaluation_json(s, encoding));
	if (pending) add_location(r, &s->row.id);
	sp_api_reply_rendered(r, pending ? 202 : 200, *rendered);
}

static void reply_stored(struct sp_http_request *r, const struct sp_stored *s, enum sp_encoding encoding, bool created_here)
{
	struct sp_http_text *t = NULL;

	reply_evaluation(r, s, encoding, created_here, &t);
	sp_http_text_unref(t);
}

static void note_evaluation(struct sp_http_request *r, const struct sp_id *id)
{
	char text[SP_ID_TEXT];

	sp_id_text(id, text);
	sp_http_set_note(r, SP_HTTP_NOTE_EVALUATION, text);
}

static void reply_absent(struct sp_http_request *r, const char *id)
{
	sp_api_reply_problem(r, 404, "not_found", "there is no evaluation '%.60s'", id);
}

void sp_api_answer_waiter(void *api, struct sp_waiter *w, const struct sp_stored *s, struct sp_http_text *rendered[SP_WAITERS_ENCODINGS])
{
	if (s) {
		SP_BUG_ON((size_t)w->encoding >= SP_WAITERS_ENCODINGS);
		reply_evaluation(w->request, s, w->encoding, w->created_here, &rendered[w->encoding]);
		return;
	}
	char id[SP_ID_TEXT];
	sp_id_text(&w->row.id, id);
	reply_absent(w->request, id);
}

static void on_gone(struct sp_http_request *r, void *cls)
{
	/* The run goes on, and so does the wait: one who has only closed his sending side still wants the answer. */
	sp_log_debug("api", "a client that waited has left", SP_S("request_id", sp_http_request_id(r)));
}

/* The request is held and may be answered at any time from here on; it must not be touched after. */
static void wait_for(struct sp_api *a, struct sp_http_request *r, const struct sp_evaluation *row, enum sp_encoding encoding,
        bool created_here, int64_t wait_ms)
{
	struct sp_waiter *w = sp_new(struct sp_waiter);

	*w = (struct sp_waiter){.request = r,
	        .row = *row,
	        .encoding = encoding,
	        .created_here = created_here,
	        .deadline_ns = sp_mono_ns() + wait_ms * SP_NS_PER_MS};
	sp_http_hold(r, on_gone, NULL);
	sp_waiters_add(a->waiters, w);
}

static bool take_encoding(struct sp_http_request *r, enum sp_encoding *out)
{
	const char *s = sp_http_query(r, "encoding");

	*out = SP_ENCODING_UTF8;
	if (!s || !strcmp(s, "utf-8")) return true;
	*out = SP_ENCODING_BASE64;
	if (!strcmp(s, "base64")) return true;
	struct sp_problems ps = {0};
	sp_problem_add(&ps, 422, "invalid_field", "?encoding", json_string(s), NULL, "encoding is '%.40s'; it must be utf-8 or base64", s);
	sp_api_reply_problems(r, &ps);
	return false;
}

static bool take_wait(struct sp_http_request *r, int64_t max, int64_t *out)
{
	const char *s = sp_http_query(r, "wait_ms");
	struct sp_problems ps = {0};

	*out = 0;
	if (!s) return true;
	size_t digits = strspn(s, "0123456789");
	if (digits == 0 || s[digits] || digits > 15)
		sp_problem_add(&ps, 422, "invalid_field", "?wait_ms", json_string(s), json_integer(max),
		        "wait_ms is '%.40s'; it must be a whole number of milliseconds from 0 to %" PRId64, s, max);
	else if ((*out = strtoll(s, NULL, 10)) > max)
		sp_problem_add(&ps, 422, "limit_too_large", "?wait_ms", json_integer(*out), json_integer(max),
		        "wait_ms is %" PRId64 "; this server allows at most %" PRId64 " (http.sync_wait_max)", *out, max);
	if (ps.n == 0) return true;
	sp_api_reply_problems(r, &ps);
	return false;
}

static bool is_json(struct sp_http_request *r)
{
	const char *t = sp_http_header(r, "Content-Type");
	static const char json[] = "application/json";

	if (t && !strncasecmp(t, json, sizeof(json) - 1)) {
		t += sizeof(json) - 1;
		t += strspn(t, " \t");
		if (!*t || *t == ';') return true;
	}
	const char *host = sp_http_header(r, "Host");
	sp_api_reply_problem(r, 415, "json_required",
	        "the body must be JSON with Content-Type: application/json; send it like this: curl --json '{\"code\":\"...\"}' "
	        "http://%.100s%.100s",
	        host ? host : "127.0.0.1", sp_http_path(r));
	return false;
}

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

/* The checked request, or false after having answered. */
static bool take_request(const struct sp_config *now, struct sp_http_request *r, const struct sp_language *l, struct sp_request *out)
{
	enum sp_json_fault fault;
	struct sp_err err = {0};
	struct sp_problems ps = {0};
	size_t n;
	const char *p = sp_http_body(r, &n);
	json_t *body = sp_json_parse(p, n, &fault, &err);

	if (!body) {
		sp_api_reply_problem(r, 400, fault == SP_JSON_DUPLICATE ? "duplicate_key" : "invalid_json",
		        "the body is not acceptable JSON: %s", err.msg);
		return false;
	}
	bool ok = sp_request_parse(body, l, now, out, &ps);
	json_decref(body);
	if (ok) {
		sp_problems_fini(&ps);
		return true;
	}
	sp_request_fini(out);
	sp_api_reply_problems(r, &ps);
	return false;
}

/* Makes the row durable. false after having answered: nothing was stored. */
static bool store_request(
        struct sp_api *a, const struct sp_config *now, struct sp_http_request *r, const struct sp_request *req, struct sp_evaluation *out)
{
	struct sp_new_evaluation in = {.id = sp_id_new(),
	        .language = req->language->id,
	        .class_ = req->class_,
	        .reference = req->reference,
	        .max_waiting = now->queue_max_waiting};
	sp_autofree char *text = sp_request_encode(req, &in.request.n);
	struct sp_err err = {0};

	in.request.p = text;
	enum sp_create_outcome outcome = SP_CREATE_NEW;
	int rc = sp_store_create(a->parts.store, &in, &outcome, out, &err);
	if (rc == 0 && outcome == SP_CREATE_NEW) {
		sp_metric_count(SP_M_ACCEPTED, req->language->id, sp_class_name(req->class_));
		sp_load_arrived(req->class_);
		return true;
	}
	if (rc == 0) {
		struct sp_problems ps = {0};
		sp_problem_add(&ps, 503, "queue_full", NULL, NULL, json_integer(in.max_waiting),
		        "%" PRId64 " evaluations wait already (queue.max_waiting); nothing was stored, try again later", in.max_waiting);
		sp_api_reply_problems(r, &ps);
		return false;
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

void sp_api_post_eval(struct sp_http_request *r, void *api)
{
	struct sp_api *a = api;
	static const char *const known[] = {"encoding", NULL};
	sp_autoconfig const struct sp_config *now = sp_config_hold(a->parts.config);
	enum sp_encoding encoding;
	struct sp_request req = {0};
	struct sp_stored s = {0};

	const struct sp_language *l = take_language(a, r);
	if (!l || !sp_api_check_query(r, known) || !take_encoding(r, &encoding) || !is_json(r) || !take_request(now, r, l, &req)) return;
	bool ok = !is_draining(a, r) && is_available(a, r, l) && store_request(a, now, r, &req, &s.row);
	bool waits = !req.async && req.wait_ms > 0;
	int64_t wait_ms = req.wait_ms < now->http_sync_wait_max_ms ? req.wait_ms : now->http_sync_wait_max_ms;
	enum sp_class class_ = req.class_;
	sp_request_fini(&req);
	if (!ok) return;
	note_evaluation(r, &s.row.id);

	if (waits) wait_for(a, r, &s.row, encoding, true, wait_ms);
	publish(a, &s.row.id, class_, waits);
	if (!waits) reply_stored(r, &s, encoding, true);
}

void sp_api_get_evaluation(struct sp_http_request *r, void *api)
{
	struct sp_api *a = api;
	static const char *const known[] = {"wait_ms", "encoding", NULL};
	const char *text = sp_http_param(r, "id");
	sp_autoconfig const struct sp_config *now = sp_config_hold(a->parts.config);
	enum sp_encoding encoding;
	struct sp_stored s = {0};
	struct sp_err err = {0};
	int64_t wait_ms;
	struct sp_id id;

	if (!sp_api_check_query(r, known) || !take_encoding(r, &encoding) || !take_wait(r, now->http_sync_wait_max_ms, &wait_ms)) return;
	if (!sp_id_parse(text, &id)) {
		reply_absent(r, text);
		return;
	}
	note_evaluation(r, &id);
	if (sp_store_get(a->parts.store, &id, true, &s, &err) < 0) {
		if (err.code == SP_E_NOT_FOUND) {
			reply_absent(r, text);
			return;
		}
		sp_log_error("api", "cannot read an evaluation", SP_S("request_id", sp_http_request_id(r)), SP_ERR(&err));
		sp_api_reply_problem(r, 503, "store_unavailable", "the store does not answer at the moment, try again");
		return;
	}
	if (wait_ms == 0 || sp_status_terminal(s.row.status)) {
		reply_stored(r, &s, encoding, false);
		sp_stored_fini(&s);
		return;
	}
	struct sp_evaluation row = s.row;
	sp_stored_fini(&s);
	wait_for(a, r, &row, encoding, false, wait_ms);
	/* It may have ended between the look and the table, and its reply have found nobody. */
	bool ended = false;
	if (sp_store_sweep(a->parts.store, &row.id, 1, &ended, &err) == 0 && ended) sp_waiters_wake(a->waiters, &row.id);
}
