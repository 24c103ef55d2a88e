/* SPDX-License-Identifier: MIT */
/*
 * Users and API keys in the store. General rules: store/store.h. What a key and an email look like: core/account.h.
 *
 * A user who was deleted and a key that was revoked are absent for every operation here but key_list, which shows revoked keys.
 */
#ifndef SP_STORE_ACCOUNTS_H
#define SP_STORE_ACCOUNTS_H

#include "store/store.h"

/* Keys of one user that work at the same time. */
#define SP_USER_KEYS_MAX 100

/* Pointers borrowed for the call. */
struct sp_new_key {
	const char *id; /* SP_KEY_ID_LEN - 1 characters */
	unsigned char hash[SP_KEY_HASH_BYTES];
	const char *name; /* NULL: none */
	int32_t rate_per_minute, max_waiting, max_running; /* 0: the server's default */
};

struct sp_new_user {
	struct sp_id id;
	const char *email; /* normalised by sp_email_normalise() */
	enum sp_role role;
	const struct sp_new_key *key; /* the first key, made in the same transaction; NULL: none */
};

struct sp_store_accounts_ops {
	/* API work thread, command line. SP_E_CONFLICT: the email is another user's (the message says so), or the key's id exists. */
	int (*user_add)(struct sp_store *s, const struct sp_new_user *in, struct sp_user *out, struct sp_err *err);
	/* API work thread, command line: by id or by email, the other is NULL. SP_E_NOT_FOUND. */
	int (*user_get)(struct sp_store *s, const struct sp_id *id, const char *email, struct sp_user *out, struct sp_err *err);
	/* API work thread, command line: up to max users with an id below *before (NULL: from the newest), newest first; returns how many, or -1. */
	int (*user_list)(struct sp_store *s, const struct sp_id *before, struct sp_user *out, size_t max, struct sp_err *err);
	/* API work thread, command line. From the first statement on the user is absent, the email is free and no key works; when it returns, the keys and all evaluations with their data are gone, too.
	 * It may take long for a user with very many; what a death leaves of that is removed by expire (history.h). What was running is lost to its evaluator, as after an erase. SP_E_NOT_FOUND. */
	int (*user_delete)(struct sp_store *s, const struct sp_id *id, struct sp_err *err);
	/* API work thread, command line. SP_E_NOT_FOUND: no such user. SP_E_CONFLICT: the key's id exists. SP_E_LIMIT: the user has SP_USER_KEYS_MAX that work. */
	int (*key_add)(
	        struct sp_store *s, const struct sp_id *user_id, const struct sp_new_key *in, struct sp_key *out, struct sp_err *err);
	/* API work thread, on the way of requests (the API caches it): one query. SP_E_NOT_FOUND also when it was revoked. The caller compares the hash. */
	int (*key_get)(struct sp_store *s, const char *key_id, struct sp_key *key, struct sp_user *user, struct sp_err *err);
	/* API work thread, command line: up to max keys of a user, those that work first, then newest first; returns how many, or -1. 0 also when there is no such user. */
	int (*key_list)(struct sp_store *s, const struct sp_id *user_id, struct sp_key *out, size_t max, struct sp_err *err);
	/* API work thread, command line. user_id: whose it must be; NULL: anybody's. Revoking twice is as once. *out as it is afterwards. SP_E_NOT_FOUND. */
	int (*key_revoke)(struct sp_store *s, const char *key_id, const struct sp_id *user_id, struct sp_key *out, struct sp_err *err);
	/* Start-up of every process, from SERAPIS_ADMIN_KEY_FILE; in->role is admin and in->key is set. Makes the user and the key where absent, in one transaction, however many processes do so at once.
	 * *made: something was made. SP_E_CONFLICT, each with its own message: the key's id has another secret, was revoked or belongs to a user who is no admin; the email is that of a user who is no admin. */
	int (*ensure_admin)(struct sp_store *s, const struct sp_new_user *in, bool *made, struct sp_err *err);
	/* API: does an admin exist? One cheap query. */
	int (*auth_configured)(struct sp_store *s, bool *out, struct sp_err *err);
};

int sp_store_user_add(struct sp_store *s, const struct sp_new_user *in, struct sp_user *out, struct sp_err *err) SP_MUSTCHECK;
int sp_store_user_get(struct sp_store *s, const struct sp_id *id, const char *email, struct sp_user *out, struct sp_err *err) SP_MUSTCHECK;
int sp_store_user_list(struct sp_store *s, const struct sp_id *before, struct sp_user *out, size_t max, struct sp_err *err) SP_MUSTCHECK;
int sp_store_user_delete(struct sp_store *s, const struct sp_id *id, struct sp_err *err) SP_MUSTCHECK;
/* For who deletes users: whether this one is the only administrator. Only administrators could let themselves in again, so one always stays. Two who remove each other at the same moment are one too many: the store then has
 * none and a server that starts is as at first, for its own machine only. By lists, so that it is no operation of the back-ends. */
int sp_store_user_is_last_admin(struct sp_store *s, const struct sp_user *user, bool *last, struct sp_err *err) SP_MUSTCHECK;
int sp_store_key_add(
        struct sp_store *s, const struct sp_id *user_id, const struct sp_new_key *in, struct sp_key *out, struct sp_err *err) SP_MUSTCHECK;
int sp_store_key_get(struct sp_store *s, const char *key_id, struct sp_key *key, struct sp_user *user, struct sp_err *err) SP_MUSTCHECK;
int sp_store_key_list(struct sp_store *s, const struct sp_id *user_id, struct sp_key *out, size_t max, struct sp_err *err) SP_MUSTCHECK;
int sp_store_key_revoke(
        struct sp_store *s, const char *key_id, const struct sp_id *user_id, struct sp_key *out, struct sp_err *err) SP_MUSTCHECK;
int sp_store_ensure_admin(struct sp_store *s, const struct sp_new_user *in, bool *made, struct sp_err *err) SP_MUSTCHECK;
int sp_store_auth_configured(struct sp_store *s, bool *out, struct sp_err *err) SP_MUSTCHECK;

#endif
