/* SPDX-License-Identifier: MIT */
#include "api/legacy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/account.h"
#include "store/accounts.h"

#define PAGE_MAX 200

bool sp_legacy_path(const char *path) { return !strncmp(path, "/api/", 5); }

void sp_legacy_error(struct sp_http_request *r, int status, const char *text)
{
	sp_api_reply_json(r, status, json_pack("{s:s}", "error", text));
}

static void reply_store_away(struct sp_http_request *r, const struct sp_err *err)
{
	sp_log_error("api", "the store failed", SP_S("request_id", sp_http_request_id(r)), SP_ERR(err));
	sp_api_reply_problem(r, 503, "store_unavailable", "the store does not answer at the moment, try again");
}

static json_t *time_json(int64_t ms)
{
	char text[SP_RFC3339_LEN];

	sp_format_rfc3339(text, ms);
	return json_string(text);
}

void sp_legacy_health(struct sp_http_request *r, void *api)
{
	sp_api_reply_json(r, 200, json_pack("{s:s}", "status", "All systems reporting at 100%"));
}

/* ---- users ---- */

static json_t *user_json(const struct sp_user *u)
{
	char id[SP_ID_TEXT];

	sp_id_text(&u->id, id);
	return json_pack("{s:s, s:s, s:o}", "id", id, "email", u->email, "created_at", time_json(u->created_at_ms));
}

/* The original listed everybody, with keys, to everybody. */
void sp_legacy_list_users(struct sp_http_request *r, void *api)
{
	struct sp_api *a = api;
	struct sp_caller caller;
	struct sp_err err = {0};
	struct sp_id before;
	json_t *items;
	int n = PAGE_MAX;

	if (!sp_api_admin(a, r, &caller)) return;
	sp_autofree struct sp_user *list = sp_calloc(PAGE_MAX, sizeof(*list));
	items = json_array();
	/* There are no pages here; a server with more users than fit an answer is asked through /v1/users. */
	for (bool first = true; n == PAGE_MAX && json_array_size(items) < 10000; first = false) {
		n = sp_store_user_list(a->parts.store, first ? NULL : &before, list, PAGE_MAX, &err);
		if (n < 0) {
			json_decref(items);
			reply_store_away(r, &err);
			return;
		}
		for (int i = 0; i < n; i++) json_array_append_new(items, user_json(&list[i]));
		if (n > 0) before = list[n - 1].id;
	}
	sp_api_reply_json(r, 200, items);
}

void sp_legacy_post_user(struct sp_http_request *r, void *api)
{
	struct sp_api *a = api;
	sp_autoconfig const struct sp_config *now = sp_config_hold(a->parts.config);
	struct sp_err err = {0};
	struct sp_user made;
	bool admin;
	char text[SP_KEY_TEXT_LEN], key_id[SP_KEY_ID_LEN], email[SP_EMAIL_LEN];
	struct sp_new_key key = {.id = key_id};
	struct sp_new_user user = {.id = sp_id_new(), .email = email, .role = SP_ROLE_USER, .key = &key};

	if (!sp_api_may_sign_up(a, r, now->auth_signup, &admin)) return;
	size_t n;
	const char *p = sp_http_body(r, &n);
	json_t *body = json_loadb(p, n, JSON_REJECT_DUPLICATES, NULL), *given = json_object_get(body, "email");
	if (!json_is_string(given)) {
		json_decref(body);
		sp_legacy_error(r, 400, "Invalid payload");
		return;
	}
	bool fine = sp_email_normalise(json_string_value(given), json_string_length(given), email, &err) == 0;
	json_decref(body);
	if (!fine) {
		sp_legacy_error(r, 422, "The user was not created");
		return;
	}
	sp_key_make(text, key_id, key.hash);
	if (sp_store_user_add(a->parts.store, &user, &made, &err) < 0) {
		if (err.code == SP_E_CONFLICT)
			sp_legacy_error(r, 409, "The user was not created");
		else
			reply_store_away(r, &err);
	} else {
		json_t *o = user_json(&made);
		json_object_set_new(o, "api_key", json_string(text));
		sp_api_reply_json(r, 201, o);
	}
	sp_secret_wipe(text, sizeof(text));
}

/* Keys are stored as hashes, so the one that is asked for cannot be shown again: the answer is a new one, and only to whom it belongs. */
void sp_legacy_get_key(struct sp_http_request *r, void *api)
{
	struct sp_api *a = api;
	const char *given = sp_http_query(r, "email");
	struct sp_caller caller;
	struct sp_err err = {0};
	struct sp_key made;
	char text[SP_KEY_TEXT_LEN], id[SP_KEY_ID_LEN], email[SP_EMAIL_LEN];
	struct sp_new_key key = {.id = id, .name = "GET /api/users/api-key"};

	if (!sp_api_caller(a, r, &caller)) return;
	if (!given || !*given) {
		sp_legacy_error(r, 400, "Email param not given in the query string");
		return;
	}
	if (!caller.has_user || sp_email_normalise(given, strlen(given), email, &err) < 0 || strcmp(email, caller.user.email) != 0) {
		sp_legacy_error(r, 404, "User not found");
		return;
	}
	sp_key_make(text, id, key.hash);
	if (sp_store_key_add(a->parts.store, &caller.user.id, &key, &made, &err) < 0) {
		if (err.code == SP_E_LIMIT)
			sp_legacy_error(r, 409, "The user has as many keys as one may have; revoke one first");
		else if (err.code == SP_E_NOT_FOUND)
			sp_legacy_error(r, 404, "User not found");
		else
			reply_store_away(r, &err);
	} else {
		sp_api_reply_json(r, 201, json_pack("{s:s}", "token", text));
	}
	sp_secret_wipe(text, sizeof(text));
}

/* ---- evaluations ---- */

static json_t *or_null(json_t *o, const char *name)
{
	json_t *v = json_object_get(o, name);

	return v ? json_incref(v) : json_null();
}

/* fields: of the request; NULL: none are shown. NULL when there is no memory for the output. */
static json_t *evaluation_json(const struct sp_stored *s, json_t *fields)
{
	const struct sp_evaluation *e = &s->row;
	char id[SP_ID_TEXT], user[SP_ID_TEXT];
	json_t *ours = sp_evaluation_json(s, SP_ENCODING_UTF8);

	if (!ours) return NULL;
	sp_id_text(&e->id, id);
	if (e->has_user) sp_id_text(&e->user_id, user);
	json_t *o = json_pack("{s:s, s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:i, s:o}", "id", id, "user_id",
	        e->has_user ? json_string(user) : json_null(), "status", sp_status_name(e->status), "language", e->language, "code",
	        or_null(fields, "code"), "stdin", or_null(fields, "stdin"), "dependencies", or_null(fields, "dependencies"), "git",
	        or_null(fields, "git"), "output", or_null(ours, "output"), "exit_code", e->has_exit_code ? e->exit_code : -1, "created_at",
	        time_json(e->created_at_ms));
	json_decref(ours);
	return o;
}

void sp_legacy_reply_pending(struct sp_http_request *r, const struct sp_evaluation *row)
{
	struct sp_stored s = {.row = *row};

	sp_api_as_before_its_end(&s.row);
	sp_api_reply_json(r, 202, evaluation_json(&s, NULL));
}

void sp_legacy_reply(struct sp_http_request *r, const struct sp_stored *s, const char *echo)
{
	const struct sp_evaluation *e = &s->row;
	size_t n = sp_api_large_begin(&s->data);
	json_t *fields = json_loads(echo, JSON_ALLOW_NUL, NULL);
	struct sp_http_text *t = sp_api_render(evaluation_json(s, fields));

	json_decref(fields);
	sp_api_large_end(n);
	if (t && sp_http_reserve(r, t))
		sp_api_reply_rendered(r, !sp_status_terminal(e->status) ? 202 : e->has_exit_code && e->exit_code == 0 ? 200 : 422, t);
	else
		sp_legacy_reply_pending(r, e);
	sp_http_text_unref(t);
}

/* The fields of the request that its answer shows again, as text: it is kept for as long as the answer is waited for, and a list of lines is many times its size as values. NULL: no memory. */
static char *echo_of(json_t *body)
{
	static const char *const names[] = {"code", "stdin", "dependencies", "git"};
	json_t *o = json_object();

	for (size_t i = 0; i < SP_COUNT(names); i++) json_object_set_new(o, names[i], or_null(body, names[i]));
	char *text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	return text;
}

void sp_legacy_post_evaluation(struct sp_http_request *r, void *api)
{
	struct sp_api *a = api;
	struct sp_caller caller;
	json_t *body;

	if (!sp_api_caller(a, r, &caller)) return;
	const struct sp_language *l = sp_languages_find(a->parts.languages, sp_http_param(r, "language"));
	if (!l) {
		sp_legacy_error(r, 400, "Given language is not supported");
		return;
	}
	if (!(body = sp_api_take_object(r))) return;
	char *echo = echo_of(body);
	if (!echo) {
		json_decref(body);
		sp_api_reply_problem(r, 503, "overloaded", "there is no memory for the request; nothing was stored, try again");
		return;
	}
	/* Its clients send both always. */
	if (json_is_null(json_object_get(body, "dependencies"))) json_object_del(body, "dependencies");
	if (json_is_null(json_object_get(body, "git"))) json_object_del(body, "git");
	sp_api_submit(a, r, &caller, l, body, SP_ENCODING_UTF8, echo);
	json_decref(body);
}
