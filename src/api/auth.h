/* SPDX-License-Identifier: MIT */
/*
 * Who calls. As long as no administrator exists (open mode) every caller on this machine is the same nobody; from then on each request names an API key.
 *
 * The gate looks at headers on a loop thread and may not block, so it refuses only what cannot be right whatever the store says. The handler, on a work thread, then asks who it is; what the store
 * said of a key is believed for SP_AUTH_CACHE_MS. A key that is revoked in this process stops at once, elsewhere after that time.
 */
#ifndef SP_API_AUTH_H
#define SP_API_AUTH_H

#include "core/config.h"
#include "http/server.h"
#include "store/accounts.h"

#define SP_AUTH_CACHE_MS 10000
#define SP_AUTH_MODE_MS 1000 /* how long "there is no administrator" is believed */

struct sp_api;
struct sp_auth;

struct sp_caller {
	bool has_user; /* false: open mode */
	struct sp_user user;
	struct sp_key key; /* limits as in force: the key's own or the server's default */
};

/* Asks the store whether an administrator exists; first makes the one of auth.admin_key_file, if that is set. NULL + err. store, config: borrowed. */
struct sp_auth *sp_auth_new(struct sp_store *store, const struct sp_config *config, struct sp_err *err) SP_MUSTCHECK;
void sp_auth_free(struct sp_auth *a); /* NULL is fine */

/* Whether keys are needed. Any thread, does not block; may be SP_AUTH_MODE_MS old. */
bool sp_auth_configured(const struct sp_auth *a);
/* The same, asking the store when the answer is old. Work threads. -1 + err: the store does not answer. */
int sp_auth_refresh(struct sp_auth *a, bool *configured, struct sp_err *err) SP_MUSTCHECK;

/* The key in an Authorization header. bearer_only false: any scheme (the original API did not look). NULL when fine, else what is wrong with it, for people. header may be NULL. */
const char *sp_auth_parse(const char *header, bool bearer_only, char id[SP_KEY_ID_LEN], unsigned char hash[SP_KEY_HASH_BYTES]);
/* Looks the key up and compares. 1: *out is who calls, 0: no such key, -1 + err: the store does not answer. Work threads. */
int sp_auth_find(struct sp_auth *a, const char *id, const unsigned char *hash, struct sp_caller *out, struct sp_err *err) SP_MUSTCHECK;
/* What was cached of this key, or of all keys of this user, is forgotten. After the store has been told. */
void sp_auth_forget_key(struct sp_auth *a, const char *id);
void sp_auth_forget_user(struct sp_auth *a, const struct sp_id *user);
/* An administrator was made or removed by this process. */
void sp_auth_mode_changed(struct sp_auth *a);

/* In handlers. Fills *out and lets the request count against its key's rate; false after having answered (401, 403, 429, 503). */
bool sp_api_caller(struct sp_api *a, struct sp_http_request *r, struct sp_caller *out);
/* The same, and the caller must be an administrator (in open mode: nobody is). */
bool sp_api_admin(struct sp_api *a, struct sp_http_request *r, struct sp_caller *out);
/* An administrator, or in open mode anybody: for what shows the whole server. False after having answered. */
bool sp_api_operator(struct sp_api *a, struct sp_http_request *r);
/* Whether the caller may see what belongs to this user (has_user false: made in open mode). */
bool sp_caller_may_see(const struct sp_caller *c, bool has_user, const struct sp_id *user);

/* sp_http_options.gate */
bool sp_api_gate(struct sp_http_request *r, void *api);
/* In open mode, for what needs users: answers 403 with the command that makes the first. */
void sp_api_reply_no_users(struct sp_http_request *r, const char *what);

#endif
