/* SPDX-License-Identifier: MIT */
/* The SQLite back-end: users and keys. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "store/sqlite_internal.h"

/* Columns of SP_SQL_USER_COLS and SP_SQL_KEY_COLS, from `at` on. */

static void user_row(sqlite3_stmt *st, int at, struct sp_user *out)
{
	*out = (struct sp_user){0};
	(void)sp_sqlite_column_id(st, at, &out->id);
	sp_sqlite_column_text(st, at + 1, out->email, sizeof(out->email));
	out->role = (enum sp_role)sqlite3_column_int(st, at + 2);
	out->created_at_ms = sqlite3_column_int64(st, at + 3);
}

#define KEY_COLUMNS 9

static void key_row(sqlite3_stmt *st, int at, struct sp_key *out)
{
	*out = (struct sp_key){0};
	sp_sqlite_column_text(st, at, out->id, sizeof(out->id));
	(void)sp_sqlite_column_id(st, at + 1, &out->user_id);
	const void *hash = sqlite3_column_blob(st, at + 2);
	if (hash && sqlite3_column_bytes(st, at + 2) == (int)sizeof(out->hash)) memcpy(out->hash, hash, sizeof(out->hash));
	sp_sqlite_column_text(st, at + 3, out->name, sizeof(out->name));
	out->rate_per_minute = sqlite3_column_int(st, at + 4);
	out->max_waiting = sqlite3_column_int(st, at + 5);
	out->max_running = sqlite3_column_int(st, at + 6);
	out->created_at_ms = sqlite3_column_int64(st, at + 7);
	out->revoked_at_ms = sqlite3_column_int64(st, at + 8);
}

/* 1 found, 0 absent, -1. */

static int find_user(struct sp_sqlite_conn *c, const struct sp_id *id, const char *email, struct sp_user *out, struct sp_err *err)
{
	sqlite3_stmt *st = sp_sqlite_stmt(c, id ? SP_SQL_USER_BY_ID : SP_SQL_USER_BY_EMAIL, err);

	if (!st) return -1;
	if (id)
		sp_sqlite_bind_id(st, 1, id);
	else
		sp_sqlite_bind_text(st, 1, email);
	int found = sp_sqlite_step(c, st, "look up the user", err);
	if (found > 0) user_row(st, 0, out);
	if (found >= 0) sqlite3_reset(st);
	return found;
}

static int find_key(struct sp_sqlite_conn *c, const char *id, struct sp_key *key, struct sp_user *user, struct sp_err *err)
{
	sqlite3_stmt *st = sp_sqlite_stmt(c, SP_SQL_KEY_GET, err);

	if (!st) return -1;
	sp_sqlite_bind_text(st, 1, id);
	int found = sp_sqlite_step(c, st, "look up the key", err);
	if (found > 0) {
		key_row(st, 0, key);
		user_row(st, KEY_COLUMNS, user);
	}
	if (found >= 0) sqlite3_reset(st);
	return found;
}

static int insert_user(struct sp_sqlite_conn *c, const struct sp_new_user *in, struct sp_user *out, struct sp_err *err)
{
	sqlite3_stmt *st = sp_sqlite_stmt(c, SP_SQL_USER_ADD, err);

	if (!st) return -1;
	*out = (struct sp_user){.id = in->id, .role = in->role, .created_at_ms = sp_wall_ms()};
	snprintf(out->email, sizeof(out->email), "%s", in->email);
	sp_sqlite_bind_id(st, 1, &in->id);
	sp_sqlite_bind_text(st, 2, in->email);
	sqlite3_bind_int(st, 3, in->role);
	sqlite3_bind_int64(st, 4, out->created_at_ms);
	return sp_sqlite_run_write(c, st, "insert the user", err);
}

static int insert_key(
        struct sp_sqlite_conn *c, const struct sp_id *user_id, const struct sp_new_key *in, struct sp_key *out, struct sp_err *err)
{
	sqlite3_stmt *st = sp_sqlite_stmt(c, SP_SQL_KEY_ADD, err);

	if (!st) return -1;
	*out = (struct sp_key){.user_id = *user_id,
	        .rate_per_minute = in->rate_per_minute,
	        .max_waiting = in->max_waiting,
	        .max_running = in->max_running,
	        .created_at_ms = sp_wall_ms()};
	snprintf(out->id, sizeof(out->id), "%s", in->id);
	memcpy(out->hash, in->hash, sizeof(out->hash));
	snprintf(out->name, sizeof(out->name), "%s", in->name ? in->name : "");
	sp_sqlite_bind_text(st, 1, in->id);
	sp_sqlite_bind_id(st, 2, user_id);
	sqlite3_bind_blob(st, 3, in->hash, sizeof(in->hash), SQLITE_STATIC);
	sp_sqlite_bind_text(st, 4, out->name);
	sqlite3_bind_int(st, 5, in->rate_per_minute);
	sqlite3_bind_int(st, 6, in->max_waiting);
	sqlite3_bind_int(st, 7, in->max_running);
	sqlite3_bind_int64(st, 8, out->created_at_ms);
	return sp_sqlite_run_write(c, st, "insert the key", err);
}

/* user_add, ensure_admin */

struct user_job {
	struct sp_sqlite_job job;
	const struct sp_new_user *in;
	struct sp_user user;
	bool made;
};

static int do_user_add(struct sp_sqlite *s, struct sp_sqlite_conn *c, struct sp_sqlite_job *job, struct sp_err *err)
{
	struct user_job *j = (struct user_job *)job;
	struct sp_key key;
	int found = find_user(c, NULL, j->in->email, &j->user, err);

	if (found < 0) return -1;
	if (found > 0) return sp_fail(err, SP_E_CONFLICT, 0, "there is a user with this email");
	if (insert_user(c, j->in, &j->user, err) != 0) return -1;
	return j->in->key ? insert_key(c, &j->in->id, j->in->key, &key, err) : 0;
}

static int user_add(struct sp_store *store, const struct sp_new_user *in, struct sp_user *out, struct sp_err *err)
{
	struct user_job j = {.job = {.run = do_user_add}, .in = in};

	if (sp_sqlite_submit((struct sp_sqlite *)store, &j.job, err) != 0) return -1;
	*out = j.user;
	return 0;
}

/* The key that exists already; revoked ones are not found by find_key(), but their id is taken. */
static int fits(const struct sp_new_user *in, const struct sp_key *key, const struct sp_user *user, struct sp_err *err)
{
	if (memcmp(key->hash, in->key->hash, sizeof(key->hash)) != 0)
		return sp_fail(err, SP_E_CONFLICT, 0, "the key %s exists with another secret", key->id);
	if (key->revoked_at_ms) return sp_fail(err, SP_E_CONFLICT, 0, "the key %s was revoked; give another one", key->id);
	if (user->role != SP_ROLE_ADMIN) return sp_fail(err, SP_E_CONFLICT, 0, "the key %s belongs to a user who is no admin", key->id);
	return 0;
}

static int do_ensure_admin(struct sp_sqlite *s, struct sp_sqlite_conn *c, struct sp_sqlite_job *job, struct sp_err *err)
{
	struct user_job *j = (struct user_job *)job;
	struct sp_key key;
	int found = find_key(c, j->in->key->id, &key, &j->user, err);

	if (found != 0) return found < 0 ? -1 : fits(j->in, &key, &j->user, err);
	j->made = true;
	found = find_user(c, NULL, j->in->email, &j->user, err);
	if (found < 0) return -1;
	if (found > 0 && j->user.role != SP_ROLE_ADMIN)
		return sp_fail(err, SP_E_CONFLICT, 0, "the user with the admin's email is no admin");
	if (found == 0 && insert_user(c, j->in, &j->user, err) != 0) return -1;
	return insert_key(c, &j->user.id, j->in->key, &key, err);
}

static int ensure_admin(struct sp_store *store, const struct sp_new_user *in, bool *made, struct sp_err *err)
{
	struct user_job j = {.job = {.run = do_ensure_admin}, .in = in};

	if (sp_sqlite_submit((struct sp_sqlite *)store, &j.job, err) != 0) return -1;
	*made = j.made;
	return 0;
}

/* user_delete */

struct bury_job {
	struct sp_sqlite_job job;
	const struct sp_id *id;
};

static int do_bury(struct sp_sqlite *s, struct sp_sqlite_conn *c, struct sp_sqlite_job *job, struct sp_err *err)
{
	struct bury_job *j = (struct bury_job *)job;
	sqlite3_stmt *st = sp_sqlite_stmt(c, SP_SQL_USER_BURY, err);

	if (!st) return -1;
	sp_sqlite_bind_id(st, 1, j->id);
	sqlite3_bind_int64(st, 2, sp_wall_ms());
	if (sp_sqlite_run_write(c, st, "delete the user", err) != 0) return -1;
	if (sqlite3_changes(c->db) == 0) return sp_fail(err, SP_E_NOT_FOUND, 0, "no such user");

	if (!(st = sp_sqlite_stmt(c, SP_SQL_KEYS_DELETE, err))) return -1;
	sp_sqlite_bind_id(st, 1, j->id);
	return sp_sqlite_run_write(c, st, "delete the user's keys", err);
}

static int do_remove(struct sp_sqlite *s, struct sp_sqlite_conn *c, struct sp_sqlite_job *job, struct sp_err *err)
{
	sqlite3_stmt *st = sp_sqlite_stmt(c, SP_SQL_USER_REMOVE, err);

	if (!st) return -1;
	sp_sqlite_bind_id(st, 1, ((struct bury_job *)job)->id);
	return sp_sqlite_run_write(c, st, "remove the user", err);
}

static void bind_user(sqlite3_stmt *st, const void *user_id) { sp_sqlite_bind_id(st, 1, user_id); }

int64_t sp_sqlite_clear_buried(struct sp_sqlite *s, const struct sp_id *id, int64_t max, struct sp_err *err)
{
	int64_t n = sp_sqlite_delete_found(s, SP_SQL_OF_USER, bind_user, id, max, err);

	if (n < 0 || n == max) return n;
	/* Nobody makes more of them: `create` asks for the user. */
	struct bury_job j = {.job = {.run = do_remove}, .id = id};
	return sp_sqlite_submit(s, &j.job, err) == 0 ? n : -1;
}

static int user_delete(struct sp_store *store, const struct sp_id *id, struct sp_err *err)
{
	struct sp_sqlite *s = (struct sp_sqlite *)store;
	struct bury_job j = {.job = {.run = do_bury}, .id = id};

	if (sp_sqlite_submit(s, &j.job, err) != 0) return -1;
	return sp_sqlite_clear_buried(s, id, INT64_MAX, err) < 0 ? -1 : 0;
}

/* Keys */

struct key_job {
	struct sp_sqlite_job job;
	const struct sp_id *user_id;
	const struct sp_new_key *in;
	const char *key_id;
	struct sp_key key;
};

static int do_key_add(struct sp_sqlite *s, struct sp_sqlite_conn *c, struct sp_sqlite_job *job, struct sp_err *err)
{
	struct key_job *j = (struct key_job *)job;
	struct sp_user user;
	int found = find_user(c, j->user_id, NULL, &user, err);

	if (found < 0) return -1;
	if (found == 0) return sp_fail(err, SP_E_NOT_FOUND, 0, "no such user");
	sqlite3_stmt *st = sp_sqlite_stmt(c, SP_SQL_KEY_COUNT, err);
	if (!st) return -1;
	sp_sqlite_bind_id(st, 1, j->user_id);
	if (sp_sqlite_step(c, st, "count the user's keys", err) < 0) return -1;
	int64_t n = sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	if (n >= SP_USER_KEYS_MAX)
		return sp_fail(err, SP_E_LIMIT, 0, "the user has %lld keys (at most %d work at a time); revoke one", (long long)n,
		        SP_USER_KEYS_MAX);
	return insert_key(c, j->user_id, j->in, &j->key, err);
}

static int key_add(struct sp_store *store, const struct sp_id *user_id, const struct sp_new_key *in, struct sp_key *out, struct sp_err *err)
{
	struct key_job j = {.job = {.run = do_key_add}, .user_id = user_id, .in = in};

	if (sp_sqlite_submit((struct sp_sqlite *)store, &j.job, err) != 0) return -1;
	*out = j.key;
	return 0;
}

static int do_key_revoke(struct sp_sqlite *s, struct sp_sqlite_conn *c, struct sp_sqlite_job *job, struct sp_err *err)
{
	struct key_job *j = (struct key_job *)job;
	sqlite3_stmt *st = sp_sqlite_stmt(c, SP_SQL_KEY_REVOKE, err);

	if (!st) return -1;
	sp_sqlite_bind_text(st, 1, j->key_id);
	sp_sqlite_bind_id(st, 2, j->user_id);
	sqlite3_bind_int64(st, 3, sp_wall_ms());
	int rc = sp_sqlite_step_write(st);
	if (rc == SQLITE_ROW) key_row(st, 0, &j->key);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE) sp_sqlite_fail(err, c->db, rc, "revoke the key");
	int ended = sqlite3_reset(st);
	if (rc == SQLITE_DONE) return sp_fail(err, SP_E_NOT_FOUND, 0, "no such key");
	if (rc == SQLITE_ROW && ended != SQLITE_OK) return sp_sqlite_fail(err, c->db, ended, "revoke the key");
	return rc == SQLITE_ROW ? 0 : -1;
}

static int key_revoke(struct sp_store *store, const char *key_id, const struct sp_id *user_id, struct sp_key *out, struct sp_err *err)
{
	struct key_job j = {.job = {.run = do_key_revoke}, .key_id = key_id, .user_id = user_id};

	if (sp_sqlite_submit((struct sp_sqlite *)store, &j.job, err) != 0) return -1;
	*out = j.key;
	return 0;
}

/* Reads: on the caller's thread. */

static int user_get(struct sp_store *store, const struct sp_id *id, const char *email, struct sp_user *out, struct sp_err *err)
{
	struct sp_sqlite *s = (struct sp_sqlite *)store;
	struct sp_sqlite_conn *c = sp_sqlite_pool_take(&s->pool, err);

	if (!c) return -1;
	int found = find_user(c, id, email, out, err);
	sp_sqlite_pool_give(&s->pool, c);
	if (found == 0) return sp_fail(err, SP_E_NOT_FOUND, 0, "no such user");
	return found < 0 ? -1 : 0;
}

static int key_get(struct sp_store *store, const char *key_id, struct sp_key *key, struct sp_user *user, struct sp_err *err)
{
	struct sp_sqlite *s = (struct sp_sqlite *)store;
	struct sp_sqlite_conn *c = sp_sqlite_pool_take(&s->pool, err);

	if (!c) return -1;
	int found = find_key(c, key_id, key, user, err);
	sp_sqlite_pool_give(&s->pool, c);
	if (found == 0 || (found > 0 && key->revoked_at_ms)) return sp_fail(err, SP_E_NOT_FOUND, 0, "no such key");
	return found < 0 ? -1 : 0;
}

static int user_list(struct sp_store *store, const struct sp_id *before, struct sp_user *out, size_t max, struct sp_err *err)
{
	struct sp_sqlite *s = (struct sp_sqlite *)store;
	struct sp_sqlite_conn *c = sp_sqlite_pool_take(&s->pool, err);
	size_t n = 0;
	int found = -1;

	if (!c) return -1;
	sqlite3_stmt *st = sp_sqlite_stmt(c, SP_SQL_USER_LIST, err);
	if (st) {
		sp_sqlite_bind_before(st, 1, before);
		sqlite3_bind_int64(st, 2, (int64_t)max);
		while (n < max && (found = sp_sqlite_step(c, st, "list users", err)) > 0) user_row(st, 0, &out[n++]);
		if (found >= 0) sqlite3_reset(st);
	}
	sp_sqlite_pool_give(&s->pool, c);
	return found < 0 ? -1 : (int)n;
}

static int key_list(struct sp_store *store, const struct sp_id *user_id, struct sp_key *out, size_t max, struct sp_err *err)
{
	struct sp_sqlite *s = (struct sp_sqlite *)store;
	struct sp_sqlite_conn *c = sp_sqlite_pool_take(&s->pool, err);
	size_t n = 0;
	int found = -1;

	if (!c) return -1;
	sqlite3_stmt *st = sp_sqlite_stmt(c, SP_SQL_KEY_LIST, err);
	if (st) {
		sp_sqlite_bind_id(st, 1, user_id);
		sqlite3_bind_int64(st, 2, (int64_t)max);
		while (n < max && (found = sp_sqlite_step(c, st, "list keys", err)) > 0) key_row(st, 0, &out[n++]);
		if (found >= 0) sqlite3_reset(st);
	}
	sp_sqlite_pool_give(&s->pool, c);
	return found < 0 ? -1 : (int)n;
}

static int auth_configured(struct sp_store *store, bool *out, struct sp_err *err)
{
	struct sp_sqlite *s = (struct sp_sqlite *)store;
	struct sp_sqlite_conn *c = sp_sqlite_pool_take(&s->pool, err);
	int found = -1;

	if (!c) return -1;
	sqlite3_stmt *st = sp_sqlite_stmt(c, SP_SQL_ADMIN_EXISTS, err);
	if (st && (found = sp_sqlite_step(c, st, "look for an admin", err)) >= 0) sqlite3_reset(st);
	sp_sqlite_pool_give(&s->pool, c);
	if (found < 0) return -1;
	*out = found > 0;
	return 0;
}

const struct sp_store_accounts_ops sp_sqlite_accounts = {
        .user_add = user_add,
        .user_get = user_get,
        .user_list = user_list,
        .user_delete = user_delete,
        .key_add = key_add,
        .key_get = key_get,
        .key_list = key_list,
        .key_revoke = key_revoke,
        .ensure_admin = ensure_admin,
        .auth_configured = auth_configured,
};
