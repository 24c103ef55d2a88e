/* SPDX-License-Identifier: MIT */
/* Connections to an SQLite database: opening, kept statements, the pool of readers, error codes. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "store/sqlite_internal.h"

/* Only a person with a database shell, or a backup, ever makes us wait: nobody else has the file. */
#define BUSY_MS 5000

int sp_sqlite_fail(struct sp_err *err, sqlite3 *db, int rc, const char *what)
{
	enum sp_code code = SP_E_INTERNAL;

	switch (rc & 0xff) {
	case SQLITE_FULL:
	case SQLITE_READONLY:
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
	case SQLITE_PERM:
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_PROTOCOL:
	case SQLITE_INTERRUPT:
	case SQLITE_NOMEM: code = SP_E_UNAVAILABLE; break;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB: code = SP_E_IO; break;
	case SQLITE_CONSTRAINT:
		if (rc == SQLITE_CONSTRAINT_PRIMARYKEY || rc == SQLITE_CONSTRAINT_UNIQUE) code = SP_E_CONFLICT;
		break;
	default: break;
	}
	/* The connection's own text says more (which constraint, which table), but only of the last call that really failed there. */
	const char *text = db && sqlite3_extended_errcode(db) == rc ? sqlite3_errmsg(db) : sqlite3_errstr(rc);
	return sp_fail(err, code, 0, "%s: %s (sqlite %d)", what, text, rc);
}

static int pragma(sqlite3 *db, const char *sql, struct sp_err *err)
{
	int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : sp_sqlite_fail(err, db, rc, sql);
}

/* WAL must be what we got: on a file system without shared memory SQLite stays with another journal and says so only in the answer. */
static int journal_wal(sqlite3 *db, struct sp_err *err)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(db, "PRAGMA journal_mode=WAL", -1, &st, NULL), done = -1;

	if (rc != SQLITE_OK || (rc = sqlite3_step(st)) != SQLITE_ROW)
		sp_sqlite_fail(err, db, rc, "PRAGMA journal_mode=WAL");
	else if (strcmp((const char *)sqlite3_column_text(st, 0), "wal") != 0)
		sp_fail(err, SP_E_UNSUPPORTED, 0,
		        "the file system of the database cannot hold a write-ahead log (it needs shared memory maps)");
	else
		done = 0;
	sqlite3_finalize(st);
	return done;
}

static int setup(sqlite3 *db, const char *path, enum sp_sqlite_role role, struct sp_err *err)
{
	int rc = sqlite3_extended_result_codes(db, 1);

	if (rc == SQLITE_OK) rc = sqlite3_busy_timeout(db, BUSY_MS);
	if (rc != SQLITE_OK) return sp_sqlite_fail(err, db, rc, "set up");
	/* Definitions in the file are data to us: no functions or virtual tables through them. */
	sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	if (role == SP_SQLITE_READER) return pragma(db, "PRAGMA query_only=1", err);

	/* Before the first change: another program's database is left as it is. */
	if (path && sp_sqlite_check_owner(db, err) != 0) return -1;
	/* The first two count only before the first table is made; afterwards they change nothing. */
	if (pragma(db, "PRAGMA page_size=4096", err) != 0 || pragma(db, "PRAGMA auto_vacuum=INCREMENTAL", err) != 0) return -1;
	if (path && journal_wal(db, err) != 0) return -1;
	/* FULL: the log is flushed at every commit; NORMAL would lose answered rows in a power cut. */
	if (pragma(db, "PRAGMA synchronous=FULL", err) != 0 || pragma(db, "PRAGMA foreign_keys=ON", err) != 0) return -1;
	/* Checkpoints are made by the writer thread between groups, not inside a commit that callers wait for. */
	if (pragma(db, "PRAGMA wal_autocheckpoint=0", err) != 0) return -1;
	return pragma(db, "PRAGMA journal_size_limit=67108864", err);
}

struct sp_sqlite_conn *sp_sqlite_conn_open(const char *path, enum sp_sqlite_role role, struct sp_err *err)
{
	struct sp_sqlite_conn *c = sp_new(struct sp_sqlite_conn);
	/* No CREATE: the file was made by sqlite_file.c; if it has gone, an empty one in its place would hide the loss. */
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
	int rc = sqlite3_open_v2(path ? path : ":memory:", &c->db, flags, NULL);

	if (rc != SQLITE_OK)
		sp_sqlite_fail(err, c->db, rc, "open the database");
	else if (setup(c->db, path, role, err) == 0)
		return c;
	sp_sqlite_conn_close(c);
	return NULL;
}

void sp_sqlite_conn_close(struct sp_sqlite_conn *c)
{
	if (!c) return;
	for (size_t i = 0; i < SP_COUNT(c->stmts); i++) sqlite3_finalize(c->stmts[i]);
	sqlite3_close(c->db);
	free(c);
}

sqlite3_stmt *sp_sqlite_stmt(struct sp_sqlite_conn *c, enum sp_sql q, struct sp_err *err)
{
	if (!c->stmts[q]) {
		int rc = sqlite3_prepare_v3(c->db, sp_sqlite_sql(q), -1, SQLITE_PREPARE_PERSISTENT, &c->stmts[q], NULL);
		if (rc != SQLITE_OK) {
			sp_sqlite_fail(err, c->db, rc, "prepare a statement");
			return NULL;
		}
	}
	sqlite3_reset(c->stmts[q]);
	sqlite3_clear_bindings(c->stmts[q]);
	return c->stmts[q];
}

int sp_sqlite_run(struct sp_sqlite_conn *c, enum sp_sql q, struct sp_err *err)
{
	sqlite3_stmt *st = sp_sqlite_stmt(c, q, err);

	if (!st) return -1;
	int rc = sqlite3_step(st);
	if (rc != SQLITE_DONE) sp_sqlite_fail(err, c->db, rc, sp_sqlite_sql(q));
	sqlite3_reset(st);
	return rc == SQLITE_DONE ? 0 : -1;
}

int sp_sqlite_bytes(sqlite3_stmt *st, int column, struct sp_bytes *out, struct sp_err *err)
{
	const void *p = sqlite3_column_blob(st, column);
	size_t n = (size_t)sqlite3_column_bytes(st, column);

	*out = (struct sp_bytes){0};
	if (n == 0) return 0;
	if (!p || !(out->p = sp_try_alloc(n + 1))) return sp_fail(err, SP_E_UNAVAILABLE, 0, "no memory for %zu bytes", n);
	memcpy(out->p, p, n);
	out->p[n] = '\0';
	out->n = n;
	return 0;
}

void sp_sqlite_bind_id(sqlite3_stmt *st, int at, const struct sp_id *id)
{
	if (id) sqlite3_bind_blob(st, at, id->b, sizeof(id->b), SQLITE_STATIC);
}

void sp_sqlite_bind_text(sqlite3_stmt *st, int at, const char *s)
{
	if (s) sqlite3_bind_text(st, at, s, -1, SQLITE_STATIC);
}

void sp_sqlite_bind_bytes(sqlite3_stmt *st, int at, const struct sp_bytes *b)
{
	if (b->n) sqlite3_bind_blob64(st, at, b->p, b->n, SQLITE_STATIC);
}

void sp_sqlite_bind_after(sqlite3_stmt *st, int at, const struct sp_id *after)
{
	/* The empty blob sorts before every id. */
	sqlite3_bind_blob(st, at, after ? (const void *)after->b : "", after ? (int)sizeof(after->b) : 0, SQLITE_STATIC);
}

void sp_sqlite_bind_before(sqlite3_stmt *st, int at, const struct sp_id *before)
{
	/* A byte more than an id has: sorts after every one. */
	static const unsigned char end[17] = {
	        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

	sqlite3_bind_blob(st, at, before ? before->b : end, before ? (int)sizeof(before->b) : (int)sizeof(end), SQLITE_STATIC);
}

bool sp_sqlite_column_id(sqlite3_stmt *st, int column, struct sp_id *out)
{
	const void *id = sqlite3_column_blob(st, column);

	*out = (struct sp_id){{0}};
	if (!id || sqlite3_column_bytes(st, column) != (int)sizeof(out->b)) return false;
	memcpy(out->b, id, sizeof(out->b));
	return true;
}

void sp_sqlite_column_text(sqlite3_stmt *st, int column, char *out, size_t size)
{
	const unsigned char *s = sqlite3_column_text(st, column);

	snprintf(out, size, "%s", s ? (const char *)s : "");
}

int sp_sqlite_run_write(struct sp_sqlite_conn *c, sqlite3_stmt *st, const char *what, struct sp_err *err)
{
	int rc = sp_sqlite_step_write(st);

	if (rc != SQLITE_DONE) sp_sqlite_fail(err, c->db, rc, what);
	sqlite3_reset(st);
	return rc == SQLITE_DONE ? 0 : -1;
}

int sp_sqlite_run_returning(struct sp_sqlite_conn *c, sqlite3_stmt *st, const char *what, struct sp_evaluation *row, struct sp_err *err)
{
	/* RETURNING gives rows only after all changes are made, so one step is enough for them. */
	int rc = sp_sqlite_step_write(st);

	if (rc == SQLITE_ROW) sp_sqlite_row(st, row);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE) sp_sqlite_fail(err, c->db, rc, what);
	int ended = sqlite3_reset(st);
	if (rc == SQLITE_ROW && ended != SQLITE_OK) return sp_sqlite_fail(err, c->db, ended, what);
	return rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : -1;
}

int sp_sqlite_step(struct sp_sqlite_conn *c, sqlite3_stmt *st, const char *what, struct sp_err *err)
{
	int rc = sqlite3_step(st);

	if (rc == SQLITE_ROW) return 1;
	if (rc == SQLITE_DONE) return 0;
	sp_sqlite_fail(err, c->db, rc, what);
	sqlite3_reset(st);
	return -1;
}

int sp_sqlite_load_row(struct sp_sqlite_conn *c, const struct sp_id *id, struct sp_evaluation *out, struct sp_err *err)
{
	sqlite3_stmt *st = sp_sqlite_stmt(c, SP_SQL_GET, err);

	if (!st) return -1;
	sp_sqlite_bind_id(st, 1, id);
	int found = sp_sqlite_step(c, st, "read the evaluation", err);
	if (found > 0) sp_sqlite_row(st, out);
	if (found >= 0) sqlite3_reset(st);
	return found;
}

void sp_sqlite_row(sqlite3_stmt *st, struct sp_evaluation *out)
{
	*out = (struct sp_evaluation){0};
	(void)sp_sqlite_column_id(st, 0, &out->id);
	out->status = (enum sp_status)sqlite3_column_int(st, 1);
	out->class_ = (enum sp_class)sqlite3_column_int(st, 2);
	sp_sqlite_column_text(st, 3, out->language, sizeof(out->language));
	sp_sqlite_column_text(st, 4, out->verdict, sizeof(out->verdict));
	sp_sqlite_column_text(st, 5, out->stage, sizeof(out->stage));
	sp_sqlite_column_text(st, 6, out->signal, sizeof(out->signal));
	out->has_exit_code = sqlite3_column_type(st, 7) != SQLITE_NULL;
	out->exit_code = sqlite3_column_int(st, 7);
	out->has_reference = sqlite3_column_type(st, 8) != SQLITE_NULL;
	sp_sqlite_column_text(st, 8, out->reference, sizeof(out->reference));
	out->claim_no = sqlite3_column_int64(st, 9);
	out->lost = sqlite3_column_int(st, 10);
	out->cancel_requested = sqlite3_column_int(st, 11) != 0;
	sp_sqlite_column_text(st, 12, out->evaluator_id, sizeof(out->evaluator_id));
	out->created_at_ms = sqlite3_column_int64(st, 13);
	out->started_at_ms = sqlite3_column_int64(st, 14);
	out->finished_at_ms = sqlite3_column_int64(st, 15);
	out->lease_until_ms = sqlite3_column_int64(st, 16);
	out->has_user = sp_sqlite_column_id(st, 17, &out->user_id);
	sp_sqlite_column_text(st, 18, out->key_id, sizeof(out->key_id));
	out->max_running = sqlite3_column_int(st, 19);
	out->max_runs = sqlite3_column_int(st, 20);
	out->begun = sqlite3_column_int(st, 21);
}

void sp_sqlite_pool_init(struct sp_sqlite_pool *p, const char *path, int max)
{
	*p = (struct sp_sqlite_pool){.path = path, .max = max};
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->freed, NULL);
}

void sp_sqlite_pool_fini(struct sp_sqlite_pool *p)
{
	for (struct sp_sqlite_conn *c = p->idle, *next; c; c = next) {
		next = c->next;
		sp_sqlite_conn_close(c);
	}
	p->idle = NULL;
	pthread_cond_destroy(&p->freed);
	pthread_mutex_destroy(&p->lock);
}

struct sp_sqlite_conn *sp_sqlite_pool_take(struct sp_sqlite_pool *p, struct sp_err *err)
{
	struct sp_sqlite_conn *c;

	pthread_mutex_lock(&p->lock);
	while (!p->idle && p->open == p->max) pthread_cond_wait(&p->freed, &p->lock);
	if ((c = p->idle))
		p->idle = c->next;
	else
		p->open++;
	pthread_mutex_unlock(&p->lock);
	if (c || (c = sp_sqlite_conn_open(p->path, SP_SQLITE_READER, err))) return c;

	pthread_mutex_lock(&p->lock);
	p->open--;
	pthread_cond_signal(&p->freed);
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

void sp_sqlite_pool_give(struct sp_sqlite_pool *p, struct sp_sqlite_conn *c)
{
	pthread_mutex_lock(&p->lock);
	c->next = p->idle;
	p->idle = c;
	pthread_cond_signal(&p->freed);
	pthread_mutex_unlock(&p->lock);
}
