/* SPDX-License-Identifier: MIT */
/* The checked front of every back-end's users and keys. */
#include "store/accounts.h"

#include <string.h>

#include "base/clock.h"
#include "store/checked.h"

static const char *wrong_with_key(const struct sp_new_key *k)
{
	if (!k->id || !sp_store_key_id_fine(k->id)) return "key id";
	if (!sp_store_fits(k->name, SP_KEY_NAME_LEN)) return "name too long";
	if (k->rate_per_minute < 0 || k->max_waiting < 0 || k->max_running < 0) return "a limit is negative";
	return NULL;
}

static bool email_fine(const char *email)
{
	return *email && sp_store_fits(email, SP_EMAIL_LEN) && !strpbrk(email, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
}

static const char *wrong_with_user(const struct sp_new_user *u)
{
	if (!u->email || !email_fine(u->email)) return "email is not normalised";
	if (u->role != SP_ROLE_USER && u->role != SP_ROLE_ADMIN) return "role";
	return u->key ? wrong_with_key(u->key) : NULL;
}

int sp_store_user_add(struct sp_store *s, const struct sp_new_user *in, struct sp_user *out, struct sp_err *err)
{
	const char *wrong = wrong_with_user(in);

	if (wrong) return sp_store_refuse(err, "user_add", wrong);
	int64_t began = sp_mono_ns();
	return sp_store_done("user_add", NULL, began, s->accounts->user_add(s, in, out, err), err);
}

int sp_store_user_get(struct sp_store *s, const struct sp_id *id, const char *email, struct sp_user *out, struct sp_err *err)
{
	if (!id == !email) return sp_store_refuse(err, "user_get", "either id or email");
	int64_t began = sp_mono_ns();
	return sp_store_done("user_get", id, began, s->accounts->user_get(s, id, email, out, err), err);
}

int sp_store_user_list(struct sp_store *s, const struct sp_id *before, struct sp_user *out, size_t max, struct sp_err *err)
{
	if (max > SP_STORE_ITEMS_MAX) return sp_store_refuse(err, "user_list", "too many at once");
	if (max == 0) return 0;
	int64_t began = sp_mono_ns();
	return sp_store_done("user_list", NULL, began, s->accounts->user_list(s, before, out, max, err), err);
}

int sp_store_user_delete(struct sp_store *s, const struct sp_id *id, struct sp_err *err)
{
	/* Long by nature, in many short transactions: its time says nothing about the store. */
	int rc = s->accounts->user_delete(s, id, err);
	return sp_store_done("user_delete", id, sp_mono_ns(), rc, err);
}

int sp_store_key_add(struct sp_store *s, const struct sp_id *user_id, const struct sp_new_key *in, struct sp_key *out, struct sp_err *err)
{
	const char *wrong = wrong_with_key(in);

	if (wrong) return sp_store_refuse(err, "key_add", wrong);
	int64_t began = sp_mono_ns();
	return sp_store_done("key_add", user_id, began, s->accounts->key_add(s, user_id, in, out, err), err);
}

int sp_store_key_get(struct sp_store *s, const char *key_id, struct sp_key *key, struct sp_user *user, struct sp_err *err)
{
	if (!sp_store_key_id_fine(key_id)) return sp_store_refuse(err, "key_get", "key id");
	int64_t began = sp_mono_ns();
	return sp_store_done("key_get", NULL, began, s->accounts->key_get(s, key_id, key, user, err), err);
}

int sp_store_key_list(struct sp_store *s, const struct sp_id *user_id, struct sp_key *out, size_t max, struct sp_err *err)
{
	if (max > SP_STORE_ITEMS_MAX) return sp_store_refuse(err, "key_list", "too many at once");
	if (max == 0) return 0;
	int64_t began = sp_mono_ns();
	return sp_store_done("key_list", user_id, began, s->accounts->key_list(s, user_id, out, max, err), err);
}

int sp_store_key_revoke(struct sp_store *s, const char *key_id, const struct sp_id *user_id, struct sp_key *out, struct sp_err *err)
{
	if (!sp_store_key_id_fine(key_id)) return sp_store_refuse(err, "key_revoke", "key id");
	int64_t began = sp_mono_ns();
	return sp_store_done("key_revoke", user_id, began, s->accounts->key_revoke(s, key_id, user_id, out, err), err);
}

int sp_store_ensure_admin(struct sp_store *s, const struct sp_new_user *in, bool *made, struct sp_err *err)
{
	const char *wrong = wrong_with_user(in);

	if (!wrong && (in->role != SP_ROLE_ADMIN || !in->key)) wrong = "an admin with a key";
	if (wrong) return sp_store_refuse(err, "ensure_admin", wrong);
	int64_t began = sp_mono_ns();
	return sp_store_done("ensure_admin", NULL, began, s->accounts->ensure_admin(s, in, made, err), err);
}

int sp_store_auth_configured(struct sp_store *s, bool *out, struct sp_err *err)
{
	int64_t began = sp_mono_ns();

	return sp_store_done("auth_configured", NULL, began, s->accounts->auth_configured(s, out, err), err);
}

int sp_store_user_is_last_admin(struct sp_store *s, const struct sp_user *user, bool *last, struct sp_err *err)
{
	struct sp_user page[100];
	const struct sp_id *before = NULL;

	*last = user->role == SP_ROLE_ADMIN;
	while (*last) {
		int n = sp_store_user_list(s, before, page, SP_COUNT(page), err);
		if (n < 0) return -1;
		for (int i = 0; i < n && *last; i++) *last = page[i].role != SP_ROLE_ADMIN || sp_id_equal(&page[i].id, &user->id);
		if (n < (int)SP_COUNT(page)) break;
		before = &page[n - 1].id;
	}
	return 0;
}
