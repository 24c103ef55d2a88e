/* SPDX-License-Identifier: MIT */
/*
 * Users and their keys: POST, GET /v1/users; GET, DELETE /v1/users/{user}; GET, POST /v1/users/{user}/keys; DELETE /v1/users/{user}/keys/{key}. {user} is an id, or "me" for the caller.
 *
 * Who may: making users is auth.signup's to say (open: anybody, and only ordinary users; admin; off). Everybody sees and manages himself; administrators see and manage all. A key's text is in
 * the answer that made it and never again. Somebody else's user looks absent, as do his keys.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/auth.h"
#include "api/client.h"
#include "api/internal.h"
#include "api/rate.h"
#include "base/clock.h"
#include "base/data.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/account.h"
#include "core/cursor.h"
#include "core/request_fields.h"

#define PAGE_MAX 200
#define PAGE_DEFAULT 50
/* Users that one address may make in a minute while auth.signup is open. */
#define SIGNUPS_PER_MINUTE 10

static json_t *time_or_null(int64_t ms)
{
	char text[SP_RFC3339_LEN];

	if (!ms) return json_null();
	sp_format_rfc3339(text, ms);
	return json_string(text);
}

static json_t *user_json(const struct sp_user *u)
{
	char id[SP_ID_TEXT];

	sp_id_text(&u->id, id);
	return json_pack("{s:s, s:s, s:s, s:o}", "id", id, "email", u->email, "role", u->role == SP_ROLE_ADMIN ? "admin" : "user",
	        "created_at", time_or_null(u->created_at_ms));
}

/* text: the whole key, in the answer that made it; else NULL. */
static json_t *key_json(const struct sp_key *k, const char *text)
{
	json_t *o = json_pack("{s:s, s:s, s:i, s:i, s:i, s:o, s:o}", "id", k->id, "name", k->name, "rate_per_minute", k->rate_per_minute,
	        "max_waiting", k->max_waiting, "max_running", k->max_running, "created_at", time_or_null(k->created_at_ms), "revoked_at",
	        time_or_null(k->revoked_at_ms));
	if (text) json_object_set_new(o, "key", json_string(text));
	return o;
}

static void reply_absent(struct sp_http_request *r, const char *what, const char *name)
{
	sp_api_reply_problem(r, 404, "not_found", "there is no %s '%.60s'", what, name);
}

static void reply_store_fault(struct sp_http_request *r, const struct sp_err *err)
{
	sp_log_error("api", "the store failed", SP_S("request_id", sp_http_request_id(r)), SP_ERR(err));
	sp_api_reply_problem(r, 503, "store_unavailable", "the store does not answer at the moment, try again");
}

/* The user whom the path names, if the caller may see him; false after having answered. Open mode has none. */
static bool take_user(struct sp_api *a, struct sp_http_request *r, struct sp_caller *caller, struct sp_user *out)
{
	static const char *const known[] = {NULL};
	const char *name = sp_http_param(r, "user");
	struct sp_err err = {0};
	struct sp_id id;

	if (!sp_api_caller(a, r, caller) || !sp_api_check_query(r, known)) return false;
	if (!caller->has_user) {
		sp_api_reply_no_users(r, "there is none to look at");
		return false;
	}
	if (!strcmp(name, "me")) {
		*out = caller->user;
		return true;
	}
	if (!sp_id_parse(name, &id) || !sp_caller_may_see(caller, true, &id)) {
		reply_absent(r, "user", name);
		return false;
	}
	if (sp_store_user_get(a->parts.store, &id, NULL, out, &err) == 0) return true;
	if (err.code == SP_E_NOT_FOUND)
		reply_absent(r, "user", name);
	else
		reply_store_fault(r, &err);
	return false;
}

/* ---- bodies ---- */

static int32_t take_bound(struct sp_parse *c, const char *name, int64_t max, const char *max_key)
{
	struct sp_place p = sp_place_of(name);
	int64_t v = 0;
	json_t *j = sp_given(c->body, name);

	if (j && !sp_take_integer(c, &p, j, 1, max, max_key, &v)) return 0;
	return (int32_t)v;
}

static const char *take_name(struct sp_parse *c, const char *field)
{
	struct sp_place p = sp_place_of(field);
	json_t *j = sp_given(c->body, field);
	const char *name = "";
	size_t n = 0;

	if (!j || !sp_take_text(c, &p, j, &name, &n)) return "";
	if (n < SP_KEY_NAME_LEN) return name;
	sp_invalid(c, &p, json_string(name), json_integer(SP_KEY_NAME_LEN - 1), "%s has %zu bytes; at most %d are allowed", field, n,
	        SP_KEY_NAME_LEN - 1);
	return "";
}

/* Bounds of a key: an ordinary user may set them lower than the server's default, an administrator as he likes. */
static void take_bounds(struct sp_parse *c, const struct sp_config *now, bool admin, struct sp_new_key *k)
{
	const int64_t any = 10000000;

	k->rate_per_minute = take_bound(
	        c, "rate_per_minute", admin ? any : now->auth_rate_per_minute, admin ? "the most there can be" : "auth.rate_per_minute");
	k->max_waiting =
	        take_bound(c, "max_waiting", admin ? any : now->auth_max_waiting, admin ? "the most there can be" : "auth.max_waiting");
	k->max_running =
	        take_bound(c, "max_running", admin ? 100000 : now->auth_max_running, admin ? "the most there can be" : "auth.max_running");
}

static bool fits(struct sp_http_request *r, struct sp_problems *ps, json_t *body)
{
	if (ps->n == 0) return true;
	json_decref(body);
	sp_api_reply_problems(r, ps);
	return false;
}

/* ---- users ---- */

bool sp_api_may_sign_up(struct sp_api *a, struct sp_http_request *r, const char *signup, bool *admin)
{
	struct sp_caller caller;
	struct sp_err err = {0};
	bool configured;

	*admin = false;
	if (sp_auth_refresh(a->auth, &configured, &err) < 0) {
		reply_store_fault(r, &err);
		return false;
	}
	if (!configured) {
		sp_api_reply_no_users(r, "the first one is not made here");
		return false;
	}
	if (!strcmp(signup, "open") && !sp_http_header(r, "Authorization")) {
		struct sp_client client;
		struct sp_rate_state s;
		sp_client_of(a->proxies, r, &client);
		sp_rate_take(a->signups, sp_client_number(&client), SIGNUPS_PER_MINUTE, sp_mono_ns(), &s);
		if (s.allowed) return true;
		char text[24];
		snprintf(text, sizeof(text), "%" PRId64, s.retry_s);
		sp_http_add_header(r, "Retry-After", text);
		sp_api_reply_problem(r, 429, "rate_limited", "your address may make %d users a minute; the next one in %" PRId64 " s",
		        SIGNUPS_PER_MINUTE, s.retry_s);
		return false;
	}
	if (!sp_api_admin(a, r, &caller)) return false;
	if (!strcmp(signup, "off")) {
		sp_api_reply_problem(r, 403, "forbidden", "users are not made through the API here (auth.signup is off)");
		return false;
	}
	*admin = true;
	return true;
}

void sp_api_post_user(struct sp_http_request *r, void *api)
{
	struct sp_api *a = api;
	static const char *const query[] = {NULL};
	static const char *const known[] = {"email", "role", "key_name", "rate_per_minute", "max_waiting", "max_running"};
	static const char *const known_open[] = {"email", "key_name"};
	sp_autoconfig const struct sp_config *now = sp_config_hold(a->parts.config);
	struct sp_problems ps = {0};
	struct sp_err err = {0};
	struct sp_user made;
	bool admin;
	char text[SP_KEY_TEXT_LEN], key_id[SP_KEY_ID_LEN], email[SP_EMAIL_LEN] = "";
	struct sp_new_key key = {.id = key_id};
	struct sp_new_user user = {.id = sp_id_new(), .email = email, .role = SP_ROLE_USER, .key = &key};

	if (!sp_api_may_sign_up(a, r, now->auth_signup, &admin) || !sp_api_check_query(r, query)) return;
	json_t *body = sp_api_take_object(r);
	if (!body) return;
	struct sp_parse c = {.body = body, .cfg = now, .ps = &ps};
	struct sp_place at = sp_place_of("email"), role_at = sp_place_of("role");
	if (admin)
		sp_check_known(&c, body, NULL, known, SP_COUNT(known));
	else
		sp_check_known(&c, body, NULL, known_open, SP_COUNT(known_open));
	json_t *given = sp_given(body, "email");
	const char *p;
	size_t n;
	if (!given)
		sp_invalid(&c, &at, NULL, NULL, "email is missing: {\"email\":\"you@example.org\"}");
	else if (sp_take_text(&c, &at, given, &p, &n) && sp_email_normalise(p, n, email, &err) < 0)
		sp_invalid(&c, &at, json_string(p), NULL, "%s", err.msg);
	const char *role = "user";
	given = sp_given(body, "role");
	if (admin && given && sp_take_text(&c, &role_at, given, &role, &n)) {
		if (strcmp(role, "user") != 0 && strcmp(role, "admin") != 0)
			sp_invalid(&c, &role_at, json_string(role), NULL, "role is '%.40s'; it must be user or admin", role);
		if (!strcmp(role, "admin")) user.role = SP_ROLE_ADMIN;
	}
	key.name = take_name(&c, "key_name");
	take_bounds(&c, now, admin, &key);
	if (!fits(r, &ps, body)) return;

	sp_key_make(text, key_id, key.hash);
	if (sp_store_user_add(a->parts.store, &user, &made, &err) < 0) {
		if (err.code == SP_E_CONFLICT)
			sp_api_reply_problem(r, 409, "email_taken", "there is a user with the email '%.200s' already", email);
		else
			reply_store_fault(r, &err);
	} else {
		struct sp_key k = {.rate_per_minute = key.rate_per_minute,
		        .max_waiting = key.max_waiting,
		        .max_running = key.max_running,
		        .created_at_ms = made.created_at_ms};
		char location[64], id[SP_ID_TEXT];
		memcpy(k.id, key_id, sizeof(k.id));
		snprintf(k.name, sizeof(k.name), "%s", key.name);
		sp_id_text(&made.id, id);
		snprintf(location, sizeof(location), "/v1/users/%s", id);
		sp_http_add_header(r, "Location", location);
		json_t *o = user_json(&made);
		json_object_set_new(o, "key", key_json(&k, text));
		sp_log_info("api", "user made", SP_S("request_id", sp_http_request_id(r)), SP_S("user_id", id),
		        SP_S("role", made.role == SP_ROLE_ADMIN ? "admin" : "user"));
		sp_api_reply_json(r, 201, o);
	}
	sp_secret_wipe(text, sizeof(text));
	json_decref(body);
}

void sp_api_list_users(struct sp_http_request *r, void *api)
{
	struct sp_api *a = api;
	static const char *const known[] = {"limit", "cursor", NULL};
	struct sp_caller caller;
	struct sp_err err = {0};
	struct sp_id before;
	bool has_before;
	size_t limit;

	if (!sp_api_admin(a, r, &caller) || !sp_api_check_query(r, known) ||
	        !sp_api_take_page(r, SP_CURSOR_USERS, PAGE_DEFAULT, PAGE_MAX, &limit, &before, &has_before))
		return;
	sp_autofree struct sp_user *list = sp_calloc(limit + 1, sizeof(*list));
	int n = sp_store_user_list(a->parts.store, has_before ? &before : NULL, list, limit + 1, &err);
	if (n < 0) {
		reply_store_fault(r, &err);
		return;
	}
	bool more = (size_t)n > limit;
	json_t *items = json_array();
	for (size_t i = 0; i < (more ? limit : (size_t)n); i++) json_array_append_new(items, user_json(&list[i]));
	char cursor[SP_CURSOR_LEN];
	if (more) sp_cursor_text(SP_CURSOR_USERS, &list[limit - 1].id, cursor);
	sp_api_reply_json(r, 200, json_pack("{s:o, s:o}", "items", items, "next_cursor", more ? json_string(cursor) : json_null()));
}

void sp_api_get_user(struct sp_http_request *r, void *api)
{
	struct sp_caller caller;
	struct sp_user user;

	if (take_user(api, r, &caller, &user)) sp_api_reply_json(r, 200, user_json(&user));
}

void sp_api_delete_user(struct sp_http_request *r, void *api)
{
	struct sp_api *a = api;
	struct sp_caller caller;
	struct sp_user user;
	struct sp_err err = {0};
	bool last;

	if (!take_user(a, r, &caller, &user)) return;
	if (sp_store_user_is_last_admin(a->parts.store, &user, &last, &err) < 0) {
		reply_store_fault(r, &err);
		return;
	}
	if (last) {
		sp_api_reply_problem(r, 409, "last_admin", "%s is the only administrator; make another one first", user.email);
		return;
	}
	if (sp_store_user_delete(a->parts.store, &user.id, &err) < 0 && err.code != SP_E_NOT_FOUND) {
		/* The user is gone from the first statement on; what is left of his evaluations goes with the janitor. */
		sp_auth_forget_user(a->auth, &user.id);
		sp_api_claims_changed(a);
		reply_store_fault(r, &err);
		return;
	}
	sp_auth_forget_user(a->auth, &user.id);
	sp_api_claims_changed(a);
	char id[SP_ID_TEXT];
	sp_id_text(&user.id, id);
	sp_log_info("api", "user deleted", SP_S("request_id", sp_http_request_id(r)), SP_S("user_id", id));
	sp_http_reply_static(r, 204, NULL, "", 0);
}

/* ---- keys ---- */

void sp_api_list_keys(struct sp_http_request *r, void *api)
{
	struct sp_api *a = api;
	struct sp_caller caller;
	struct sp_user user;
	struct sp_err err = {0};

	if (!take_user(a, r, &caller, &user)) return;
	sp_autofree struct sp_key *list = sp_calloc(PAGE_MAX, sizeof(*list));
	int n = sp_store_key_list(a->parts.store, &user.id, list, PAGE_MAX, &err);
	if (n < 0) {
		reply_store_fault(r, &err);
		return;
	}
	json_t *items = json_array();
	for (int i = 0; i < n; i++) json_array_append_new(items, key_json(&list[i], NULL));
	sp_api_reply_json(r, 200, json_pack("{s:o}", "items", items));
}

void sp_api_post_key(struct sp_http_request *r, void *api)
{
	struct sp_api *a = api;
	static const char *const known[] = {"name", "rate_per_minute", "max_waiting", "max_running"};
	sp_autoconfig const struct sp_config *now = sp_config_hold(a->parts.config);
	struct sp_problems ps = {0};
	struct sp_caller caller;
	struct sp_user user;
	struct sp_err err = {0};
	struct sp_key made;
	char text[SP_KEY_TEXT_LEN], id[SP_KEY_ID_LEN];
	struct sp_new_key key = {.id = id};

	if (!take_user(a, r, &caller, &user)) return;
	json_t *body = sp_api_take_object(r);
	if (!body) return;
	struct sp_parse c = {.body = body, .cfg = now, .ps = &ps};
	sp_check_known(&c, body, NULL, known, SP_COUNT(known));
	key.name = take_name(&c, "name");
	take_bounds(&c, now, caller.user.role == SP_ROLE_ADMIN, &key);
	if (!fits(r, &ps, body)) return;
	sp_key_make(text, id, key.hash);
	if (sp_store_key_add(a->parts.store, &user.id, &key, &made, &err) < 0) {
		if (err.code == SP_E_LIMIT)
			sp_api_reply_problem(
			        r, 409, "too_many_keys", "%s has %d keys that work; revoke one first", user.email, SP_USER_KEYS_MAX);
		else if (err.code == SP_E_NOT_FOUND)
			reply_absent(r, "user", sp_http_param(r, "user"));
		else
			reply_store_fault(r, &err);
	} else {
		sp_api_reply_json(r, 201, key_json(&made, text));
	}
	sp_secret_wipe(text, sizeof(text));
	json_decref(body);
}

void sp_api_delete_key(struct sp_http_request *r, void *api)
{
	struct sp_api *a = api;
	const char *id = sp_http_param(r, "key");
	struct sp_caller caller;
	struct sp_user user;
	struct sp_key key;
	struct sp_err err = {0};

	if (!take_user(a, r, &caller, &user)) return;
	if (strlen(id) != SP_KEY_ID_LEN - 1 || strspn(id, "0123456789abcdef") != SP_KEY_ID_LEN - 1) {
		reply_absent(r, "key", id);
		return;
	}
	if (sp_store_key_revoke(a->parts.store, id, &user.id, &key, &err) < 0) {
		if (err.code == SP_E_NOT_FOUND)
			reply_absent(r, "key", id);
		else
			reply_store_fault(r, &err);
		return;
	}
	sp_auth_forget_key(a->auth, id);
	sp_api_reply_json(r, 200, key_json(&key, NULL));
}
