/* SPDX-License-Identifier: MIT */
/* GET /v1/evaluations: what the caller has sent, newest first; administrators also see others'. */
#include <stdio.h>
#include <string.h>

#include "api/evaluations.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/history.h"

#define PAGE_DEFAULT 50

static json_t *text_or_null(bool given, const char *s) { return given ? json_string(s) : json_null(); }

static json_t *time_or_null(int64_t ms)
{
	char text[SP_RFC3339_LEN];

	if (!ms) return json_null();
	sp_format_rfc3339(text, ms);
	return json_string(text);
}

static json_t *item_json(const struct sp_evaluation *e, bool with_user)
{
	char id[SP_ID_TEXT], user[SP_ID_TEXT];

	sp_id_text(&e->id, id);
	json_t *o = json_pack("{s:s, s:s, s:o, s:s, s:o, s:o, s:o, s:o}", "id", id, "status", sp_status_name(e->status), "verdict",
	        text_or_null(e->verdict[0], e->verdict), "language", e->language, "exit_code",
	        e->has_exit_code ? json_integer(e->exit_code) : json_null(), "reference", text_or_null(e->has_reference, e->reference),
	        "created_at", time_or_null(e->created_at_ms), "finished_at", time_or_null(e->finished_at_ms));
	if (with_user) {
		if (e->has_user) sp_id_text(&e->user_id, user);
		json_object_set_new(o, "user_id", text_or_null(e->has_user, user));
	}
	return o;
}

/* ---- filters: all that is wrong is said at once ---- */

struct filters {
	struct sp_list_request list;
	enum sp_status status;
	struct sp_id user;
	struct sp_problems ps;
};

static void wrong(struct filters *f, const char *name, const char *value, const char *must)
{
	char field[40];

	snprintf(field, sizeof(field), "?%s", name);
	sp_problem_add(&f->ps, 422, "invalid_field", field, json_string(value), NULL, "%s is '%.60s'; it must be %s", name, value, must);
}

static void take_status(struct filters *f, const char *v)
{
	for (int s = SP_STATUS_CREATED; s <= SP_STATUS_CANCELED; s++) {
		if (strcmp(v, sp_status_name((enum sp_status)s)) != 0) continue;
		f->status = (enum sp_status)s;
		f->list.status = &f->status;
		return;
	}
	wrong(f, "status", v, "created, evaluating, finished, timeout, failed or canceled");
}

/* The store knows no time before 1970, and 0 is no filter to it: `least` says the same of everything that is stored. */
static void take_time(struct filters *f, const char *name, const char *v, int64_t least, int64_t *out)
{
	if (sp_parse_rfc3339(v, out))
		*out = *out < least ? least : *out;
	else
		wrong(f, name, v, "a time as 2026-11-22T19:40:16.120Z");
}

static void take_word(struct filters *f, const char *name, const char *v, size_t len, const char **out)
{
	if (*v && strlen(v) < len)
		*out = v;
	else
		wrong(f, name, v, "a text that such a field can have");
}

/* Whose evaluations. An ordinary caller has only his own to ask for. */
static void take_whose(struct filters *f, struct sp_http_request *r, const struct sp_caller *caller)
{
	const char *user = sp_http_query(r, "user_id"), *all = sp_http_query(r, "all");
	bool admin = caller->has_user && caller->user.role == SP_ROLE_ADMIN;

	f->list.user_id = caller->has_user ? &caller->user.id : NULL;
	if (all && strcmp(all, "true") != 0 && strcmp(all, "false") != 0) wrong(f, "all", all, "true or false");
	if (user && !sp_id_parse(user, &f->user)) wrong(f, "user_id", user, "the id of a user");
	if ((user || (all && !strcmp(all, "true"))) && !admin && f->ps.n == 0) {
		sp_problem_add(&f->ps, 403, "forbidden", user ? "?user_id" : "?all", NULL, NULL,
		        "only an administrator may list what others have sent");
		return;
	}
	if (user) f->list.user_id = &f->user;
	f->list.all_users = !user && all && !strcmp(all, "true");
}

static bool take_filters(struct filters *f, struct sp_http_request *r, const struct sp_api *a, const struct sp_caller *caller)
{
	const char *v;

	if ((v = sp_http_query(r, "status"))) take_status(f, v);
	if ((v = sp_http_query(r, "verdict"))) take_word(f, "verdict", v, SP_VERDICT_LEN, &f->list.verdict);
	if ((v = sp_http_query(r, "reference"))) take_word(f, "reference", v, SP_REFERENCE_LEN, &f->list.reference);
	if ((v = sp_http_query(r, "language"))) {
		/* An alias finds what was sent under the language's name; one that is not known any more may still have been run. */
		const struct sp_language *l = sp_languages_find(a->parts.languages, v);
		take_word(f, "language", l ? l->id : v, SP_LANGUAGE_LEN, &f->list.language);
	}
	if ((v = sp_http_query(r, "created_after"))) take_time(f, "created_after", v, 0, &f->list.created_after_ms);
	if ((v = sp_http_query(r, "created_before"))) take_time(f, "created_before", v, 1, &f->list.created_before_ms);
	take_whose(f, r, caller);
	if (f->ps.n == 0) return true;
	sp_api_reply_problems(r, &f->ps);
	return false;
}

void sp_api_list_evaluations(struct sp_http_request *r, void *api)
{
	struct sp_api *a = api;
	static const char *const known[] = {
	        "limit", "cursor", "status", "verdict", "language", "reference", "created_after", "created_before", "user_id", "all", NULL};
	struct filters f = {.list = {.limit = 0}};
	struct sp_caller caller;
	struct sp_err err = {0};
	struct sp_id before;
	bool has_before;

	if (!sp_api_caller(a, r, &caller) || !sp_api_check_query(r, known) ||
	        !sp_api_take_page(r, SP_CURSOR_EVALUATIONS, PAGE_DEFAULT, SP_LIST_MAX, &f.list.limit, &before, &has_before) ||
	        !take_filters(&f, r, a, &caller))
		return;
	if (has_before) f.list.before = &before;
	sp_autofree struct sp_evaluation *rows = sp_calloc(f.list.limit, sizeof(*rows));
	struct sp_list_page page = {.items = rows};
	if (sp_store_list(a->parts.store, &f.list, &page, &err) < 0) {
		sp_log_error("api", "cannot list evaluations", SP_S("request_id", sp_http_request_id(r)), SP_ERR(&err));
		sp_api_reply_problem(r, 503, "store_unavailable", "the store does not answer at the moment, try again");
		return;
	}
	char cursor[SP_CURSOR_LEN];
	json_t *items = json_array();
	bool with_user = caller.has_user && caller.user.role == SP_ROLE_ADMIN;
	for (size_t i = 0; i < page.n; i++) json_array_append_new(items, item_json(&page.items[i], with_user));
	if (page.more) sp_cursor_text(SP_CURSOR_EVALUATIONS, &page.next, cursor);
	sp_api_reply_json(r, 200, json_pack("{s:o, s:o}", "items", items, "next_cursor", page.more ? json_string(cursor) : json_null()));
}
