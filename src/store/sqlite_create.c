/* SPDX-License-Identifier: MIT */
/* The SQLite back-end: making evaluations. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "store/sqlite_internal.h"

struct create_job {
	struct sp_sqlite_job job;
	const struct sp_new_evaluation *in;
	enum sp_create_outcome outcome;
	struct sp_evaluation *out;
};

static void bind_scope(sqlite3_stmt *st, int at, const struct sp_id *user_id)
{
	sqlite3_bind_blob(st, at, user_id ? (const void *)user_id->b : "", user_id ? (int)sizeof(user_id->b) : 0, SQLITE_STATIC);
}

/* 1 yes, 0 no, -1. */
static int user_exists(struct sp_sqlite_conn *c, const struct sp_id *id, struct sp_err *err)
{
	sqlite3_stmt *st = sp_sqlite_stmt(c, SP_SQL_USER_EXISTS, err);

	if (!st) return -1;
	sp_sqlite_bind_id(st, 1, id);
	int found = sp_sqlite_step(c, st, "look up the user", err);
	if (found >= 0) sqlite3_reset(st);
	return found;
}

/* 1: the key was used, outcome and *out are filled in. 0: it is free. -1. */
static int replay(struct sp_sqlite *s, struct sp_sqlite_conn *c, struct create_job *j, struct sp_err *err)
{
	const struct sp_new_evaluation *in = j->in;
	sqlite3_stmt *st = sp_sqlite_stmt(c, SP_SQL_IDEMPOTENCY, err);
	struct sp_id first;

	if (!st) return -1;
	bind_scope(st, 1, in->user_id);
	sp_sqlite_bind_text(st, 2, in->idempotency_key);
	sqlite3_bind_int64(st, 3, sp_sqlite_now(s) - in->idempotency_keep_ms);
	int found = sp_sqlite_step(c, st, "look up the idempotency key", err);
	if (found < 0) return -1;
	if (found > 0) {
		const void *hash = sqlite3_column_blob(st, 0);
		bool same =
		        hash && sqlite3_column_bytes(st, 0) == SP_BODY_HASH_BYTES && memcmp(hash, in->body_hash, SP_BODY_HASH_BYTES) == 0;
		j->outcome = same ? SP_CREATE_REPLAYED : SP_CREATE_REUSED;
		(void)sp_sqlite_column_id(st, 1, &first);
	}
	sqlite3_reset(st);
	if (found == 0 || j->outcome == SP_CREATE_REUSED) return found;
	found = sp_sqlite_load_row(c, &first, j->out, err);
	/* The foreign key takes the record away with the evaluation. */
	if (found == 0) return sp_fail(err, SP_E_INTERNAL, 0, "an idempotency key names an evaluation that is not there");
	return found;
}

/* As replay(), for the bounds. */
static int refuse(struct sp_sqlite *s, struct sp_sqlite_conn *c, struct create_job *j, struct sp_err *err)
{
	const struct sp_new_evaluation *in = j->in;
	int64_t of_key;

	if (in->max_waiting > 0 && s->writer.waiting + s->writer.pending >= in->max_waiting) {
		j->outcome = SP_CREATE_QUEUE_FULL;
		return 1;
	}
	if (!in->key_id || in->key_max_waiting == 0) return 0;
	if (sp_sqlite_key_waiting(s, c, in->key_id, &of_key, err) != 0) return -1;
	if (of_key < in->key_max_waiting) return 0;
	j->outcome = SP_CREATE_KEY_FULL;
	return 1;
}

static int insert(struct sp_sqlite *s, struct sp_sqlite_conn *c, const struct sp_new_evaluation *in, int64_t now, struct sp_err *err)
{
	sqlite3_stmt *st = sp_sqlite_stmt(c, SP_SQL_CREATE, err);

	if (!st) return -1;
	sp_sqlite_bind_id(st, 1, &in->id);
	sqlite3_bind_int(st, 2, in->class_);
	sp_sqlite_bind_text(st, 3, in->language);
	sp_sqlite_bind_text(st, 4, in->reference);
	sqlite3_bind_int64(st, 5, now);
	sp_sqlite_bind_id(st, 6, in->user_id);
	sp_sqlite_bind_text(st, 7, in->key_id);
	sqlite3_bind_int(st, 8, in->max_running);
	sqlite3_bind_int(st, 9, in->max_runs);
	if (sp_sqlite_run_write(c, st, "insert the evaluation", err) != 0) return -1;

	if (!(st = sp_sqlite_stmt(c, SP_SQL_CREATE_DATA, err))) return -1;
	sp_sqlite_bind_id(st, 1, &in->id);
	sp_sqlite_bind_bytes(st, 2, &in->request);
	if (sp_sqlite_run_write(c, st, "insert the request", err) != 0) return -1;

	if (!in->idempotency_key) return 0;
	if (!(st = sp_sqlite_stmt(c, SP_SQL_IDEMPOTENCY_PUT, err))) return -1;
	bind_scope(st, 1, in->user_id);
	sp_sqlite_bind_text(st, 2, in->idempotency_key);
	sqlite3_bind_blob(st, 3, in->body_hash, sizeof(in->body_hash), SQLITE_STATIC);
	sp_sqlite_bind_id(st, 4, &in->id);
	sqlite3_bind_int64(st, 5, sp_sqlite_now(s));
	return sp_sqlite_run_write(c, st, "keep the idempotency key", err);
}

static int do_create(struct sp_sqlite *s, struct sp_sqlite_conn *c, struct sp_sqlite_job *job, struct sp_err *err)
{
	struct create_job *j = (struct create_job *)job;
	const struct sp_new_evaluation *in = j->in;
	int64_t now = sp_wall_ms();
	int found;

	if (in->user_id && (found = user_exists(c, in->user_id, err)) <= 0) {
		j->outcome = SP_CREATE_NO_USER;
		return found;
	}
	if (in->idempotency_key && (found = replay(s, c, j, err)) != 0) return found < 0 ? -1 : 0;
	if ((found = refuse(s, c, j, err)) != 0) return found < 0 ? -1 : 0;
	if (insert(s, c, in, now, err) != 0) return -1;

	struct sp_evaluation *out = j->out;
	*out = (struct sp_evaluation){.id = in->id,
	        .status = SP_STATUS_CREATED,
	        .class_ = in->class_,
	        .has_reference = in->reference != NULL,
	        .has_user = in->user_id != NULL,
	        .max_running = in->max_running,
	        .max_runs = in->max_runs,
	        .created_at_ms = now};
	if (in->user_id) out->user_id = *in->user_id;
	snprintf(out->language, sizeof(out->language), "%s", in->language);
	snprintf(out->reference, sizeof(out->reference), "%s", in->reference ? in->reference : "");
	snprintf(out->key_id, sizeof(out->key_id), "%s", in->key_id ? in->key_id : "");
	j->outcome = SP_CREATE_NEW;
	sp_sqlite_note_waiting(s, job, in->key_id, 1);
	return 0;
}

int sp_sqlite_create(struct sp_store *store, const struct sp_new_evaluation *in, enum sp_create_outcome *outcome, struct sp_evaluation *out,
        struct sp_err *err)
{
	struct sp_sqlite *s = (struct sp_sqlite *)store;
	struct create_job j = {.job = {.run = do_create, .bytes = in->request.n}, .in = in, .out = out};

	*out = (struct sp_evaluation){0};
	if (sp_sqlite_refuse_beside(s, err) != 0) return -1;
	if (sp_sqlite_submit(s, &j.job, err) != 0) {
		*out = (struct sp_evaluation){0};
		return -1;
	}
	*outcome = j.outcome;
	return 0;
}
