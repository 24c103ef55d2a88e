/* SPDX-License-Identifier: MIT */
#include "api/auth.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/client.h"
#include "api/internal.h"
#include "api/legacy.h"
#include "api/open_mode.h"
#include "api/rate.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/account.h"

#define CACHED 4096 /* keys; memory is touched only as far as it is used */
#define PROBES 8
#define BUCKETS 16384

struct cached {
	struct sp_key key; /* id "" : free */
	struct sp_user user;
	int64_t at_ns;
};

struct sp_auth {
	struct sp_store *store;
	const struct sp_config *config;
	struct sp_rate *rate;
	atomic_bool configured;
	_Atomic int64_t asked_ns; /* when the store was last asked about administrators */

	pthread_mutex_t lock; /* guards what follows */
	uint64_t forgotten; /* grows with every forget: an answer that was asked for before one is not cached */
	struct cached *cache;
};

/* ---- is there an administrator? ---- */

static int make_admin(struct sp_auth *a, struct sp_err *err)
{
	unsigned char hash[SP_KEY_HASH_BYTES];
	char id[SP_KEY_ID_LEN];
	bool made;
	struct sp_new_key key = {.id = id, .name = "first"};
	struct sp_new_user user = {.id = sp_id_new(), .email = "admin@localhost", .role = SP_ROLE_ADMIN, .key = &key};

	if (sp_key_read_file(a->config->auth_admin_key_file, id, hash, err) < 0) return sp_wrap(err, "auth.admin_key_file");
	memcpy(key.hash, hash, sizeof(key.hash));
	if (sp_store_ensure_admin(a->store, &user, &made, err) < 0) return sp_wrap(err, "auth.admin_key_file");
	if (made) sp_log_info("api", "the first administrator was made from auth.admin_key_file", SP_S("key_id", id));
	return 0;
}

int sp_auth_refresh(struct sp_auth *a, bool *configured, struct sp_err *err)
{
	int64_t now = sp_mono_ns();

	*configured = atomic_load(&a->configured);
	if (*configured || now - atomic_load(&a->asked_ns) < SP_AUTH_MODE_MS * SP_NS_PER_MS) return 0;
	if (sp_store_auth_configured(a->store, configured, err) < 0) return -1;
	atomic_store(&a->configured, *configured);
	atomic_store(&a->asked_ns, now);
	return 0;
}

bool sp_auth_configured(const struct sp_auth *a) { return atomic_load(&a->configured); }

void sp_auth_mode_changed(struct sp_auth *a)
{
	/* Asked anew by the next request. An administrator who goes never opens the door: the last one cannot be removed. */
	atomic_store(&a->asked_ns, sp_mono_ns() - SP_AUTH_MODE_MS * SP_NS_PER_MS - 1);
}

struct sp_auth *sp_auth_new(struct sp_store *store, const struct sp_config *config, struct sp_err *err)
{
	struct sp_auth *a = sp_new(struct sp_auth);
	bool configured;

	a->store = store;
	a->config = config;
	atomic_init(&a->configured, false);
	atomic_init(&a->asked_ns, 0);
	pthread_mutex_init(&a->lock, NULL);
	a->cache = sp_calloc(CACHED, sizeof(*a->cache));
	a->rate = sp_rate_new(BUCKETS);
	sp_auth_mode_changed(a);
	if ((config->auth_admin_key_file[0] && make_admin(a, err) < 0) || sp_auth_refresh(a, &configured, err) < 0) {
		sp_auth_free(a);
		return NULL;
	}
	return a;
}

void sp_auth_free(struct sp_auth *a)
{
	if (!a) return;
	sp_rate_free(a->rate);
	pthread_mutex_destroy(&a->lock);
	free(a->cache);
	free(a);
}

/* ---- which key? ---- */

/* An id is 16 random hexadecimal digits: a number that needs no hashing. */
static uint64_t number_of(const char *id) { return strtoull(id, NULL, 16); }

static struct cached *slot_of(struct sp_auth *a, const char *id, bool make)
{
	struct cached *oldest = NULL;

	for (size_t i = 0; i < PROBES; i++) {
		struct cached *c = &a->cache[(number_of(id) + i) % CACHED];
		if (!strcmp(c->key.id, id)) return c;
		if (!oldest || c->at_ns < oldest->at_ns) oldest = c;
	}
	return make ? oldest : NULL;
}

const char *sp_auth_parse(const char *h, bool bearer_only, char id[SP_KEY_ID_LEN], unsigned char hash[SP_KEY_HASH_BYTES])
{
	static const char bearer[] = "Bearer";

	if (!h) return "it has no Authorization header";
	size_t scheme = strcspn(h, " \t");
	if (bearer_only && (scheme != sizeof(bearer) - 1 || strncasecmp(h, bearer, scheme) != 0))
		return "its Authorization is not of the scheme Bearer";
	h += scheme;
	h += strspn(h, " \t");
	return sp_key_parse(h, strlen(h), id, hash) ? NULL : "its Authorization carries no API key (srp_<id>_<secret>)";
}

int sp_auth_find(struct sp_auth *a, const char *id, const unsigned char *hash, struct sp_caller *out, struct sp_err *err)
{
	int64_t now = sp_mono_ns();
	struct cached c = {.at_ns = 0};

	pthread_mutex_lock(&a->lock);
	struct cached *known = slot_of(a, id, false);
	bool fresh = known && now - known->at_ns < SP_AUTH_CACHE_MS * SP_NS_PER_MS;
	if (fresh) c = *known;
	uint64_t forgotten = a->forgotten;
	pthread_mutex_unlock(&a->lock);
	if (!fresh) {
		struct sp_err why = {0};
		if (sp_store_key_get(a->store, id, &c.key, &c.user, &why) < 0) {
			if (why.code == SP_E_NOT_FOUND) return 0;
			if (err) *err = why;
			return -1;
		}
		c.at_ns = now;
	}
	if (!sp_key_hash_equal(c.key.hash, hash)) return 0;
	if (!fresh) {
		pthread_mutex_lock(&a->lock);
		if (a->forgotten == forgotten) *slot_of(a, id, true) = c;
		pthread_mutex_unlock(&a->lock);
	}
	sp_autoconfig const struct sp_config *conf = sp_config_hold(a->config);
	*out = (struct sp_caller){.has_user = true, .user = c.user, .key = c.key};
	if (!out->key.rate_per_minute) out->key.rate_per_minute = (int32_t)conf->auth_rate_per_minute;
	if (!out->key.max_waiting) out->key.max_waiting = (int32_t)conf->auth_max_waiting;
	if (!out->key.max_running) out->key.max_running = (int32_t)conf->auth_max_running;
	return 1;
}

void sp_auth_forget_key(struct sp_auth *a, const char *id)
{
	pthread_mutex_lock(&a->lock);
	a->forgotten++;
	struct cached *c = slot_of(a, id, false);
	if (c) memset(c, 0, sizeof(*c));
	pthread_mutex_unlock(&a->lock);
}

void sp_auth_forget_user(struct sp_auth *a, const struct sp_id *user)
{
	pthread_mutex_lock(&a->lock);
	a->forgotten++;
	for (size_t i = 0; i < CACHED; i++) {
		if (a->cache[i].key.id[0] && sp_id_equal(&a->cache[i].key.user_id, user)) memset(&a->cache[i], 0, sizeof(a->cache[i]));
	}
	pthread_mutex_unlock(&a->lock);
}

/* ---- the gate, on a loop thread ---- */

static bool is_probe(const struct sp_http_route *route)
{
	return route && (route->handler == sp_api_healthz || route->handler == sp_api_readyz || route->handler == sp_legacy_health);
}

/* What anybody may ask for once there are users: what shows nothing of anybody's. */
static bool is_public(const struct sp_api *a, const struct sp_http_route *route)
{
	if (!route) return true; /* 404 and 405 */
	for (size_t i = 0; i < sp_api_page_nroutes; i++)
		if (route->handler == sp_api_page_routes[i].handler) return true;
	if (route->handler == sp_api_post_user || route->handler == sp_legacy_post_user) {
		sp_autoconfig const struct sp_config *conf = sp_config_hold(a->parts.config);
		return !strcmp(conf->auth_signup, "open");
	}
	return false;
}

static bool open_gate(struct sp_api *a, struct sp_http_request *r)
{
	struct sp_client client;
	char why[200];

	sp_client_of(a->proxies, r, &client);
	struct sp_open_mode_request q = {.peer = (const struct sockaddr *)&client.address,
	        .host = sp_http_header(r, "Host"),
	        .origin = sp_cors_allows(a->cors, sp_http_header(r, "Origin")) ? NULL : sp_http_header(r, "Origin"),
	        .forwarding = client.forwarding};
	if (sp_open_mode_allows(&q, why, sizeof(why))) return true;
	sp_api_reply_problem(r, 403, "open_mode_local_only",
	        "this server has no users, so it answers only callers on its own machine, and of this request %s. To serve others, make an "
	        "administrator: serapis user add --admin EMAIL",
	        why);
	return false;
}

static void reply_unauthenticated(struct sp_http_request *r, const char *why, bool known_form)
{
	if (sp_legacy_path(sp_http_path(r))) {
		sp_legacy_error(r, 401,
		        known_form                           ? "Unvalid API Key"
		        : sp_http_header(r, "Authorization") ? "A wrong Authorization header was given"
		                                             : "An Authorization header wasn't given");
		return;
	}
	sp_http_add_header(r, "WWW-Authenticate", "Bearer realm=\"serapis\"");
	sp_api_reply_problem(
	        r, 401, "unauthenticated", "this request needs an API key, and %s: send the header 'Authorization: Bearer srp_...'", why);
}

bool sp_api_gate(struct sp_http_request *r, void *api)
{
	struct sp_api *a = api;
	const struct sp_http_route *route = sp_http_route_of(r);
	char id[SP_KEY_ID_LEN];
	unsigned char hash[SP_KEY_HASH_BYTES];

	if (is_probe(route)) return true;
	if (!sp_cors_gate(a, r)) return false;
	if (!sp_auth_configured(a->auth)) return open_gate(a, r);
	if (is_public(a, route)) return true;
	const char *wrong = sp_auth_parse(sp_http_header(r, "Authorization"), !sp_legacy_path(sp_http_path(r)), id, hash);
	if (!wrong) return true;
	reply_unauthenticated(r, wrong, false);
	return false;
}

/* ---- in handlers ---- */

static void add_number(struct sp_http_request *r, const char *name, int64_t v)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)v);
	sp_http_add_header(r, name, text);
}

/* Names of draft-ietf-httpapi-ratelimit-headers-03, the form that clients know. */
static bool take_rate(struct sp_auth *a, struct sp_http_request *r, const struct sp_caller *c)
{
	struct sp_rate_state s;

	sp_rate_take(a->rate, number_of(c->key.id), c->key.rate_per_minute, sp_mono_ns(), &s);
	add_number(r, "RateLimit-Limit", s.limit);
	add_number(r, "RateLimit-Remaining", s.remaining);
	add_number(r, "RateLimit-Reset", s.reset_s);
	if (s.allowed) return true;
	struct sp_problems ps = {0};
	add_number(r, "Retry-After", s.retry_s);
	sp_problem_add(&ps, 429, "rate_limited", NULL, NULL, json_integer(s.limit),
	        "this key may make %lld requests a minute; the next one in %lld s", (long long)s.limit, (long long)s.retry_s);
	sp_api_reply_problems(r, &ps);
	return false;
}

static void reply_store_away(struct sp_http_request *r, const struct sp_err *err)
{
	sp_log_error("api", "cannot tell who calls", SP_S("request_id", sp_http_request_id(r)), SP_ERR(err));
	sp_api_reply_problem(r, 503, "store_unavailable", "the store does not answer at the moment, try again");
}

bool sp_api_caller(struct sp_api *a, struct sp_http_request *r, struct sp_caller *out)
{
	struct sp_err err = {0};
	char id[SP_KEY_ID_LEN];
	unsigned char hash[SP_KEY_HASH_BYTES];
	bool configured;

	memset(out, 0, sizeof(*out));
	if (sp_auth_refresh(a->auth, &configured, &err) < 0) {
		reply_store_away(r, &err);
		return false;
	}
	if (!configured) return true; /* the gate has seen to it that it comes from this machine */
	const char *wrong = sp_auth_parse(sp_http_header(r, "Authorization"), !sp_legacy_path(sp_http_path(r)), id, hash);
	if (wrong) { /* the first administrator was made between gate and here */
		reply_unauthenticated(r, wrong, false);
		return false;
	}
	int found = sp_auth_find(a->auth, id, hash, out, &err);
	if (found < 0) {
		reply_store_away(r, &err);
		return false;
	}
	if (!found) {
		reply_unauthenticated(r, "the one it carries is not known here or was revoked", true);
		return false;
	}
	char user[SP_ID_TEXT];
	sp_id_text(&out->user.id, user);
	sp_http_set_note(r, SP_HTTP_NOTE_USER, user);
	return take_rate(a->auth, r, out);
}

void sp_api_reply_no_users(struct sp_http_request *r, const char *what)
{
	sp_api_reply_problem(r, 403, "no_users",
	        "this server has no users, so %s. Make the first one on its machine: serapis user add --admin EMAIL", what);
}

bool sp_api_admin(struct sp_api *a, struct sp_http_request *r, struct sp_caller *out)
{
	if (!sp_api_caller(a, r, out)) return false;
	if (out->has_user && out->user.role == SP_ROLE_ADMIN) return true;
	if (!out->has_user)
		sp_api_reply_no_users(r, "nobody can be its administrator");
	else
		sp_api_reply_problem(r, 403, "forbidden", "only an administrator may do this");
	return false;
}

bool sp_api_operator(struct sp_api *a, struct sp_http_request *r)
{
	struct sp_caller caller;

	/* Without asking the store: what is looked at when a store is away must not need it. The gate has been passed. */
	if (!sp_auth_configured(a->auth)) return true;
	if (!sp_api_caller(a, r, &caller)) return false;
	if (!caller.has_user || caller.user.role == SP_ROLE_ADMIN) return true;
	sp_api_reply_problem(r, 403, "forbidden", "only an administrator may do this");
	return false;
}

bool sp_caller_may_see(const struct sp_caller *c, bool has_user, const struct sp_id *user)
{
	if (!c->has_user) return !has_user;
	if (c->user.role == SP_ROLE_ADMIN) return true;
	return has_user && sp_id_equal(&c->user.id, user);
}
