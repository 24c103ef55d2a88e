/* SPDX-License-Identifier: MIT */
/* One evaluation: GET /v1/evaluations/{id}, POST …/cancel, DELETE; how it is answered, at once or when it has ended. */
#include "api/evaluations.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/legacy.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/ended.h"
#include "store/history.h"

static void add_location(struct sp_http_request *r, const struct sp_id *id)
{
	char text[SP_ID_TEXT], location[64];

	sp_id_text(id, text);
	snprintf(location, sizeof(location), "/v1/evaluations/%s", text);
	sp_http_add_header(r, "Location", location);
	sp_http_add_header(r, "Retry-After", "1");
}

void sp_api_as_before_its_end(struct sp_evaluation *row)
{
	if (!sp_status_terminal(row->status)) return;
	row->status = SP_STATUS_EVALUATING;
	row->verdict[0] = row->stage[0] = row->signal[0] = '\0';
	row->has_exit_code = false;
	row->finished_at_ms = 0;
}

/* To whom has made it, when no more can be shown of it now: no 5xx, or he would send it again. */
static void reply_pending(struct sp_http_request *r, const struct sp_evaluation *row, enum sp_encoding encoding)
{
	struct sp_stored s = {.row = *row};

	sp_api_as_before_its_end(&s.row);
	add_location(r, &row->id);
	sp_api_reply_json(r, 202, sp_evaluation_json(&s, encoding));
}

static void reply_evaluation(
        struct sp_http_request *r, const struct sp_stored *s, enum sp_encoding encoding, bool created_here, struct sp_http_text **rendered)
{
	bool pending = created_here && !sp_status_terminal(s->row.status);

	if (!*rendered) {
		size_t n = sp_api_large_begin(&s->data);
		*rendered = sp_api_render(sp_evaluation_json(s, encoding));
		sp_api_large_end(n);
	}
	if (created_here && (!*rendered || !sp_http_reserve(r, *rendered))) {
		reply_pending(r, &s->row, encoding);
		return;
	}
	if (pending) add_location(r, &s->row.id);
	sp_api_reply_rendered(r, pending ? 202 : 200, *rendered);
}

void sp_api_reply_stored(struct sp_http_request *r, const struct sp_stored *s, enum sp_encoding encoding, bool created_here, char *echo)
{
	struct sp_http_text *t = NULL;

	if (echo) {
		sp_legacy_reply(r, s, echo);
		free(echo);
		return;
	}
	reply_evaluation(r, s, encoding, created_here, &t);
	sp_http_text_unref(t);
}

void sp_api_note_evaluation(struct sp_http_request *r, const struct sp_id *id)
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
	char id[SP_ID_TEXT];

	if (s && w->echo) {
		sp_legacy_reply(w->request, s, w->echo);
	} else if (s) {
		SP_BUG_ON((size_t)w->encoding >= SP_WAITERS_ENCODINGS);
		reply_evaluation(w->request, s, w->encoding, w->created_here, &rendered[w->encoding]);
	} else {
		sp_id_text(&w->id, id);
		reply_absent(w->request, id);
	}
}

/* ---- waiting ---- */

struct gone {
	struct sp_work work;
	struct sp_api *a;
	struct sp_id id;
};

static void told_canceled(struct sp_api *a, const struct sp_evaluation *row)
{
	struct sp_ended e = {.id = &row->id,
	        .language = row->language,
	        .claim_no = row->claim_no,
	        .status = row->status,
	        .queue_ns = -1,
	        .run_ns = -1,
	        .total_ns = -1};

	sp_evaluation_ended("api", a->parts.languages, &e);
	sp_waiters_wake(a->waiters, &row->id);
}

static void cancel_gone(struct sp_work *work)
{
	struct gone *g = (struct gone *)work;
	struct sp_evaluation row;
	struct sp_err err = {0};

	if (sp_store_cancel(g->a->parts.store, &g->id, SP_CANCEL_CLIENT_GONE, &row, &err) < 0) {
		if (err.code != SP_E_NOT_FOUND) sp_log_warn("api", "not canceled though nobody waits for it any more", SP_ERR(&err));
	} else if (row.status == SP_STATUS_CANCELED) {
		told_canceled(g->a, &row);
	}
	free(g);
}

/* The request is not answered before this has returned, so its waiter is there. What runs goes on. One who has only closed his sending side is answered with what becomes of it. */
static void on_gone(struct sp_http_request *r, void *cls)
{
	struct sp_waiter *w = cls;

	sp_log_debug("api", "a client that waited has left", SP_S("request_id", sp_http_request_id(r)));
	struct gone *g = sp_new(struct gone);
	*g = (struct gone){.work = {.fn = cancel_gone}, .a = w->cls, .id = w->id};
	if (!sp_waiters_do(g->a->waiters, &g->work)) free(g);
}

void sp_api_wait_for(struct sp_api *a, struct sp_http_request *r, const struct sp_evaluation *row, const struct sp_api_wait *how)
{
	struct sp_waiter *w = sp_new(struct sp_waiter);

	*w = (struct sp_waiter){.request = r,
	        .id = row->id,
	        .row = *row,
	        .encoding = how->encoding,
	        .created_here = how->created_here,
	        .echo = how->echo,
	        .cls = a,
	        .deadline_ns = sp_mono_ns() + how->wait_ms * SP_NS_PER_MS};
	sp_http_hold(r, how->echo != NULL, how->cancel_when_gone ? on_gone : NULL, w);
	sp_waiters_add(a->waiters, w);
}

/* ---- what a request says ---- */

bool sp_api_take_encoding(struct sp_http_request *r, enum sp_encoding *out)
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

static void reply_store_away(struct sp_http_request *r, const struct sp_err *err)
{
	sp_log_error("api", "the store failed", SP_S("request_id", sp_http_request_id(r)), SP_ERR(err));
	sp_api_reply_problem(r, 503, "store_unavailable", "the store does not answer at the moment, try again");
}

bool sp_api_load(struct sp_api *a, struct sp_http_request *r, const struct sp_caller *caller, bool with_data, struct sp_stored *out)
{
	const char *text = sp_http_param(r, "id");
	struct sp_err err = {0};
	struct sp_id id;

	if (!sp_id_parse(text, &id)) {
		reply_absent(r, text);
		return false;
	}
	sp_api_note_evaluation(r, &id);
	if (sp_store_get(a->parts.store, &id, with_data, out, &err) < 0) {
		if (err.code == SP_E_NOT_FOUND)
			reply_absent(r, text);
		else
			reply_store_away(r, &err);
		return false;
	}
	/* Somebody else's looks absent: that it exists is nobody's business either. */
	if (sp_caller_may_see(caller, out->row.has_user, &out->row.user_id)) return true;
	sp_stored_fini(out);
	reply_absent(r, text);
	return false;
}

void sp_api_reply_or_wait(struct sp_api *a, struct sp_http_request *r, const struct sp_evaluation *row, enum sp_encoding encoding,
        int64_t wait_ms, bool created_here, char *echo)
{
	struct sp_stored s = {0};
	struct sp_err err = {0};

	if (sp_store_get(a->parts.store, &row->id, true, &s, &err) < 0) {
		char text[SP_ID_TEXT];
		sp_id_text(&row->id, text);
		if (err.code == SP_E_NOT_FOUND)
			reply_absent(r, text);
		else if (!created_here)
			reply_store_away(r, &err);
		else if (echo)
			sp_legacy_reply_pending(r, row);
		else
			reply_pending(r, row, encoding);
		free(echo);
		return;
	}
	if (wait_ms == 0 || sp_status_terminal(s.row.status)) {
		sp_api_reply_stored(r, &s, encoding, created_here, echo);
		sp_stored_fini(&s);
		return;
	}
	struct sp_evaluation now = s.row;
	sp_stored_fini(&s);
	struct sp_api_wait w = {.encoding = encoding, .created_here = created_here, .wait_ms = wait_ms, .echo = echo};
	sp_api_wait_for(a, r, &now, &w);
	/* It may have ended between the look and the table, and its reply have found nobody. */
	bool ended = false;
	if (sp_store_sweep(a->parts.store, &now.id, 1, &ended, &err) == 0 && ended) sp_waiters_wake(a->waiters, &now.id);
}

/* ---- the routes ---- */

void sp_api_get_evaluation(struct sp_http_request *r, void *api)
{
	struct sp_api *a = api;
	static const char *const known[] = {"wait_ms", "encoding", NULL};
	sp_autoconfig const struct sp_config *now = sp_config_hold(a->parts.config);
	struct sp_caller caller;
	enum sp_encoding encoding;
	struct sp_stored s = {0};
	int64_t wait_ms;

	if (!sp_api_caller(a, r, &caller) || !sp_api_check_query(r, known) || !sp_api_take_encoding(r, &encoding) ||
	        !take_wait(r, now->http_sync_wait_max_ms, &wait_ms) || !sp_api_load(a, r, &caller, wait_ms == 0, &s))
		return;
	if (wait_ms == 0) sp_api_reply_stored(r, &s, encoding, false, NULL);
	sp_stored_fini(&s);
	if (wait_ms) sp_api_reply_or_wait(a, r, &s.row, encoding, wait_ms, false, NULL);
}

/* Such a request needs no body; `curl --json '{}'` sends one all the same. */
static bool body_is_empty(struct sp_http_request *r)
{
	size_t n;
	const char *p = sp_http_body(r, &n);

	if (n == 0 || (n == 2 && !memcmp(p, "{}", 2))) return true;
	sp_api_reply_problem(r, 422, "unknown_field", "this request takes no fields; its body must be empty or {}");
	return false;
}

void sp_api_cancel_evaluation(struct sp_http_request *r, void *api)
{
	struct sp_api *a = api;
	static const char *const known[] = {"wait_ms", "encoding", NULL};
	sp_autoconfig const struct sp_config *now = sp_config_hold(a->parts.config);
	struct sp_caller caller;
	enum sp_encoding encoding;
	struct sp_stored s = {0};
	struct sp_evaluation after;
	struct sp_err err = {0};
	int64_t wait_ms;

	if (!sp_api_caller(a, r, &caller) || !sp_api_check_query(r, known) || !sp_api_take_encoding(r, &encoding) ||
	        !take_wait(r, now->http_sync_wait_max_ms, &wait_ms) || !body_is_empty(r) || !sp_api_load(a, r, &caller, false, &s))
		return;
	bool had_ended = sp_status_terminal(s.row.status);
	struct sp_id id = s.row.id;
	sp_stored_fini(&s);
	if (sp_store_cancel(a->parts.store, &id, SP_CANCEL_REQUESTED, &after, &err) < 0) {
		if (err.code == SP_E_NOT_FOUND)
			reply_absent(r, sp_http_param(r, "id"));
		else
			reply_store_away(r, &err);
		return;
	}
	if (after.status == SP_STATUS_CANCELED && !had_ended)
		told_canceled(a, &after);
	else if (!sp_status_terminal(after.status))
		sp_api_claims_changed(a);
	sp_api_reply_or_wait(a, r, &after, encoding, wait_ms, false, NULL);
}

void sp_api_delete_evaluation(struct sp_http_request *r, void *api)
{
	struct sp_api *a = api;
	static const char *const known[] = {NULL};
	struct sp_caller caller;
	struct sp_stored s = {0};
	struct sp_evaluation was;
	struct sp_err err = {0};

	if (!sp_api_caller(a, r, &caller) || !sp_api_check_query(r, known) || !sp_api_load(a, r, &caller, false, &s)) return;
	struct sp_id id = s.row.id;
	sp_stored_fini(&s);
	if (sp_store_erase(a->parts.store, &id, &was, &err) < 0) {
		if (err.code == SP_E_NOT_FOUND)
			reply_absent(r, sp_http_param(r, "id"));
		else
			reply_store_away(r, &err);
		return;
	}
	if (was.status == SP_STATUS_EVALUATING) sp_api_claims_changed(a);
	sp_waiters_wake(a->waiters, &id);
	sp_http_reply_static(r, 204, NULL, "", 0);
}
