/* SPDX-License-Identifier: MIT */
/*
 * The one thread that writes: group commit.
 *
 * Jobs come in a queue under `lock`. The thread takes up to GROUP_JOBS of them (and up to GROUP_BYTES, so that one commit stays short), and
 *
 *     BEGIN IMMEDIATE;  for each: SAVEPOINT, its statements, RELEASE (or ROLLBACK TO when it failed);  COMMIT;  answer all
 *
 * Invariants:
 * 1. No job is answered with success before the COMMIT that holds it has returned: then it is on disk.
 * 2. A job whose statements fail leaves nothing behind and does not touch its neighbours.
 * 3. When the transaction is lost (BEGIN or COMMIT fail, or SQLite rolls back by itself as it may on a full disk), every job of the group that had
 *    succeeded gets the error, and nothing of the group is in the database.
 * 4. `waiting` is what the database holds: it moves only after a COMMIT, and is counted anew with each new connection and when another process has written.
 * 5. The thread never ends because of an error: a connection in doubt is closed and the next group opens another.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/sqlite_internal.h"

#define GROUP_JOBS 256
#define GROUP_BYTES ((size_t)8 << 20)

/* The longest that a group waits for more, and the size of a group that makes the next one wait at all. */
#define GATHER_NS SP_NS_PER_MS
#define GATHER_FROM 4

/* Pages (of 4 KiB) in the log that make the thread move them into the database; at the second figure it also waits for readers to let go of the log's start, because
 * the file would grow without bound under readers that never pause all at once. */
#define CHECKPOINT_PAGES 2000
#define CHECKPOINT_PAGES_HARD 16000

_Atomic(sp_sqlite_fault_fn) sp_sqlite_fault;

static int fault(const char *point)
{
	sp_sqlite_fault_fn fn = atomic_load_explicit(&sp_sqlite_fault, memory_order_acquire);

	return fn ? fn(point) : SQLITE_OK;
}

int sp_sqlite_step_write(sqlite3_stmt *st)
{
	int rc = fault("store.statement");

	return rc == SQLITE_OK ? sqlite3_step(st) : rc;
}

static int on_wal_commit(void *cls, sqlite3 *db, const char *name, int pages)
{
	struct sp_sqlite_writer *w = cls;

	w->wal_pages = pages;
	return SQLITE_OK;
}

static void adopt(struct sp_sqlite *s) { sqlite3_wal_hook(s->writer.conn->db, on_wal_commit, &s->writer); }

/* The connection for a group. Memory: the one that readers use, too. */
static struct sp_sqlite_conn *group_conn(struct sp_sqlite *s, struct sp_err *err)
{
	struct sp_sqlite_writer *w = &s->writer;

	if (!s->path) return sp_sqlite_pool_take(&s->pool, err);
	if (w->conn) return w->conn;
	int rc = fault("store.reopen");
	if (rc != SQLITE_OK) {
		sp_sqlite_fail(err, NULL, rc, "open the database");
		return NULL;
	}
	if (!(w->conn = sp_sqlite_conn_open(s->path, SP_SQLITE_WRITER, err))) return NULL;
	if (sp_sqlite_count_waiting(s, w->conn, err) != 0) {
		sp_sqlite_conn_close(sp_steal(&w->conn));
		return NULL;
	}
	adopt(s);
	return w->conn;
}

/* Runs a statement that controls the transaction; gives SQLite's code. */
static int control(struct sp_sqlite_conn *c, enum sp_sql q, const char *point, struct sp_err *err)
{
	int rc = point ? fault(point) : SQLITE_OK;

	if (rc == SQLITE_OK) {
		sqlite3_stmt *st = sp_sqlite_stmt(c, q, err);
		if (!st) return sqlite3_extended_errcode(c->db);
		rc = sqlite3_step(st);
		sqlite3_reset(st);
		if (rc == SQLITE_DONE) return SQLITE_OK;
	}
	sp_sqlite_fail(err, c->db, rc, sp_sqlite_sql(q));
	return rc;
}

/* Runs one job. Other than SQLITE_OK: the transaction is lost. */
static int run_job(struct sp_sqlite *s, struct sp_sqlite_conn *c, struct sp_sqlite_job *job, struct sp_err *err)
{
	int rc = control(c, SP_SQL_SAVEPOINT, NULL, err);

	if (rc != SQLITE_OK) return rc;
	job->rc = job->run(s, c, job, &job->err);
	if (sqlite3_get_autocommit(c->db)) {
		rc = sqlite3_extended_errcode(c->db);
		if (rc == SQLITE_OK) rc = SQLITE_ABORT_ROLLBACK;
		sp_sqlite_fail(err, c->db, rc, "another write of the same commit");
		return rc;
	}
	if (job->rc == 0)
		s->writer.pending += job->waiting;
	else if (job->noted)
		sp_sqlite_forget_keys(s);
	if (job->rc != 0 && (rc = control(c, SP_SQL_SAVEPOINT_ROLLBACK, NULL, err)) != SQLITE_OK) return rc;
	return control(c, SP_SQL_SAVEPOINT_RELEASE, NULL, err);
}

/* Inside the transaction: if another process has written since the last one, what we count is counted anew. Gives SQLite's code. */
static int look_beside(struct sp_sqlite *s, struct sp_sqlite_conn *c, struct sp_err *err)
{
	sqlite3_stmt *st = sp_sqlite_stmt(c, SP_SQL_DATA_VERSION, err);
	int64_t version = 0;
	int rc = st ? sp_sqlite_step(c, st, "look for other writers", err) : -1;

	if (rc >= 0) {
		version = sqlite3_column_int64(st, 0);
		sqlite3_reset(st);
		if (version == s->writer.data_version) return SQLITE_OK;
		s->writer.data_version = version;
		rc = sp_sqlite_count_waiting(s, c, err);
	}
	if (rc >= 0) return SQLITE_OK;
	rc = sqlite3_extended_errcode(c->db);
	return rc == SQLITE_OK ? SQLITE_ERROR : rc;
}

static int run_group(struct sp_sqlite *s, struct sp_sqlite_conn *c, struct sp_sqlite_job *jobs, struct sp_err *err)
{
	int rc = control(c, SP_SQL_BEGIN, "store.begin", err);

	s->writer.pending = 0;
	if (rc == SQLITE_OK && s->path) rc = look_beside(s, c, err);
	for (struct sp_sqlite_job *j = jobs; j && rc == SQLITE_OK; j = j->next) rc = run_job(s, c, j, err);
	if (rc == SQLITE_OK) rc = control(c, SP_SQL_COMMIT, "store.commit", err);
	if (rc == SQLITE_OK)
		s->writer.waiting += s->writer.pending;
	else
		sp_sqlite_forget_keys(s);
	return rc;
}

/* Ends a lost transaction. False: the connection is in doubt. */
static bool undo(struct sp_sqlite_conn *c, int rc)
{
	struct sp_err ignored;

	if (!sqlite3_get_autocommit(c->db)) control(c, SP_SQL_ROLLBACK, NULL, &ignored);
	if (!sqlite3_get_autocommit(c->db)) return false;
	/* A full disk or a lock leaves the connection sound; after an I/O error what it has cached of the file is in doubt. */
	return (rc & 0xff) == SQLITE_FULL || (rc & 0xff) == SQLITE_BUSY || (rc & 0xff) == SQLITE_LOCKED;
}

static void answer(struct sp_sqlite_job *jobs, const struct sp_err *lost)
{
	for (struct sp_sqlite_job *j = jobs, *next; j; j = next) {
		next = j->next; /* the job ends with its caller's stack frame, as soon as it is posted */
		if (lost && j->rc == 0) {
			j->rc = -1;
			j->err = *lost;
		}
		sem_post(&j->done);
	}
}

/* Logs the beginning and the end of an outage, not every write in it. */
static void note(struct sp_sqlite_writer *w, const struct sp_err *lost)
{
	if (lost && w->lost_groups++ == 0) sp_log_error("store", "cannot write", SP_ERR(lost));
	if (lost || w->lost_groups == 0) return;
	sp_log_info("store", "writes again", SP_I("failed_commits", w->lost_groups));
	w->lost_groups = 0;
}

static void commit_group(struct sp_sqlite *s, struct sp_sqlite_job *jobs)
{
	struct sp_sqlite_writer *w = &s->writer;
	struct sp_err err;
	struct sp_sqlite_conn *c = group_conn(s, &err);
	int rc = SQLITE_OK;

	if (!c) {
		/* Whatever kept it from opening, the file was good when the store was opened: later may be better. */
		sp_fail(&err, SP_E_UNAVAILABLE, 0, "%s", err.msg);
		note(w, &err);
		answer(jobs, &err);
		return;
	}
	rc = run_group(s, c, jobs, &err);
	if (rc != SQLITE_OK && !undo(c, rc) && s->path) sp_sqlite_conn_close(sp_steal(&w->conn));
	note(w, rc == SQLITE_OK ? NULL : &err);
	if (!s->path) sp_sqlite_pool_give(&s->pool, c);
	answer(jobs, rc == SQLITE_OK ? NULL : &err);
}

/* Moves the log into the database, after the callers have their answers. Failing is no harm: the log grows, the next group tries again. */
static void checkpoint(struct sp_sqlite *s)
{
	struct sp_sqlite_writer *w = &s->writer;

	if (!s->path || !w->conn || w->wal_pages < CHECKPOINT_PAGES) return;
	int mode = w->wal_pages < CHECKPOINT_PAGES_HARD ? SQLITE_CHECKPOINT_PASSIVE : SQLITE_CHECKPOINT_RESTART;
	int rc = fault("store.checkpoint");
	if (rc == SQLITE_OK) rc = sqlite3_wal_checkpoint_v2(w->conn->db, NULL, mode, NULL, NULL);
	if (rc != SQLITE_OK && (rc & 0xff) != SQLITE_BUSY)
		sp_log_warn("store", "checkpoint failed", SP_I("sqlite", rc), SP_S("error", sqlite3_errstr(rc)));
	w->wal_pages = 0; /* the next commit tells */
}

/* With the lock: waits for the first job and, when others are likely on their way, for them. NULL: stop. */
static struct sp_sqlite_job *gather(struct sp_sqlite_writer *w)
{
	while (!w->head && !w->stopping) pthread_cond_wait(&w->arrived, &w->lock);
	/* Callers in a loop come back as soon as they are answered. After a group of several, wait for as many, but only until a moment after that answer: who
	 * writes alone, or beside few, is never kept waiting. */
	if (w->last_group >= GATHER_FROM) {
		int64_t deadline = w->last_ns + GATHER_NS;
		while (w->queued < w->last_group && !w->stopping)
			if (sp_cond_wait_until(&w->arrived, &w->lock, deadline) != 0) break;
	}
	if (!w->head) return NULL;

	struct sp_sqlite_job *first = w->head, **end = &w->head;
	size_t n = 0, bytes = 0;
	while (*end && n < GROUP_JOBS && (n == 0 || bytes + (*end)->bytes <= GROUP_BYTES)) {
		bytes += (*end)->bytes;
		end = &(*end)->next;
		n++;
	}
	w->head = *end;
	*end = NULL;
	if (!w->head) w->tail = &w->head;
	w->queued -= n;
	w->last_group = n;
	return first;
}

static void *writer_main(void *cls)
{
	struct sp_sqlite *s = cls;
	struct sp_sqlite_writer *w = &s->writer;

	pthread_setname_np(pthread_self(), "store-writer");
	for (;;) {
		pthread_mutex_lock(&w->lock);
		struct sp_sqlite_job *jobs = gather(w);
		pthread_mutex_unlock(&w->lock);
		if (!jobs) return NULL;
		commit_group(s, jobs);
		w->last_ns = sp_mono_ns();
		checkpoint(s);
	}
}

int sp_sqlite_submit(struct sp_sqlite *s, struct sp_sqlite_job *job, struct sp_err *err)
{
	struct sp_sqlite_writer *w = &s->writer;

	sem_init(&job->done, 0, 0);
	pthread_mutex_lock(&w->lock);
	SP_BUG_ON(w->stopping);
	job->next = NULL;
	*w->tail = job;
	w->tail = &job->next;
	w->queued++;
	pthread_cond_signal(&w->arrived);
	pthread_mutex_unlock(&w->lock);

	while (sem_wait(&job->done) != 0) SP_BUG_ON(errno != EINTR);
	sem_destroy(&job->done);
	if (job->rc != 0 && err) *err = job->err;
	return job->rc;
}

int sp_sqlite_writer_start(struct sp_sqlite *s, struct sp_err *err)
{
	struct sp_sqlite_writer *w = &s->writer;
	sigset_t all, old;

	if (sp_sqlite_count_waiting(s, w->conn, err) != 0) return -1;
	adopt(s);
	pthread_mutex_init(&w->lock, NULL);
	sp_cond_init(&w->arrived);
	w->head = NULL;
	w->tail = &w->head;
	/* Memory: from here on the connection is the pool's one and only. */
	if (!s->path) {
		s->pool.open = 1;
		sp_sqlite_pool_give(&s->pool, sp_steal(&w->conn));
	}
	/* Signals are for the threads that wait for them. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int rc = pthread_create(&w->thread, NULL, writer_main, s);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	w->started = rc == 0;
	return rc == 0 ? 0 : sp_fail(err, SP_E_INTERNAL, rc, "writer thread");
}

void sp_sqlite_writer_stop(struct sp_sqlite *s)
{
	struct sp_sqlite_writer *w = &s->writer;

	if (!w->started) return;
	pthread_mutex_lock(&w->lock);
	w->stopping = true;
	pthread_cond_signal(&w->arrived);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	pthread_cond_destroy(&w->arrived);
	pthread_mutex_destroy(&w->lock);
}
