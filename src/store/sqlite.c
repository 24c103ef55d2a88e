/* SPDX-License-Identifier: MIT */
/* The operations of the SQLite back-end. Theory of operation: sqlite_internal.h. Functions named do_… run on the writer thread, inside a savepoint. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/driver.h"
#include "store/migration.h"
#include "store/sqlite_internal.h"

static struct sp_sqlite *sqlite_of(struct sp_store *s) { return (struct sp_sqlite *)s; }

int64_t sp_sqlite_now(const struct sp_sqlite *s) { return s->epoch + sp_mono_ns() / SP_NS_PER_MS; }

/* Borrowed parameters: the statement is reset before they end. */
static void bind_id(sqlite3_stmt *st, int at, const struct sp_id *id) { sqlite3_bind_blob(st, at, id->b, sizeof(id->b), SQLITE_STATIC); }

static void bind_text(sqlite3_stmt *st, int at, const char *s)
{
	if (s) sqlite3_bind_text(st, at, s, -1, SQLITE_STATIC);
}

static void bind_bytes(sqlite3_stmt *st, int at, const struct sp_bytes *b)
{
	if (b->n) sqlite3_bind_blob64(st, at, b->p, b->n, SQLITE_STATIC);
}

/* Runs a write that gives no row. */
static int run_write(struct sp_sqlite_conn *c, sqlite3_stmt *st, const char *what, struct sp_err *err)
{
	int rc = sp_sqlite_step_write(st);

	if (rc != SQLITE_DONE) sp_sqlite_fail(err, c->db, rc, what);
	sqlite3_reset(st);
	return rc == SQLITE_DONE ? 0 : -1;
}

/* Runs a write that gives the changed row, if there is one: 1, 0, or -1. RETURNING gives rows only after all changes are made, so one step is enough for them. */
static int run_returning(struct sp_sqlite_conn *c, sqlite3_stmt *st, const char *what, struct sp_evaluation *row, struct sp_err *err)
{
	int rc = sp_sqlite_step_write(st);

	if (rc == SQLITE_ROW) sp_sqlite_row(st, row);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE) sp_sqlite_fail(err, c->db, rc, what);
	int ended = sqlite3_reset(st);
	if (rc == SQLITE_ROW && ended != SQLITE_OK) return sp_sqlite_fail(err, c->db, ended, what);
	return rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : -1;
}

/* create */

struct create_job {
	struct sp_sqlite_job job;
	const struct sp_new_evaluation *in;
	struct sp_evaluation *out;
};

static int do_create(struct sp_sqlite *s, struct sp_sqlite_conn *c, struct sp_sqlite_job *job, struct sp_err *err)
{
	struct create_job *j = (struct create_job *)job;
	const struct sp_new_evaluation *in = j->in;
	int64_t waiting = s->writer.waiting + s->writer.pending, now = sp_wall_ms();
	sqlite3_stmt *st;

	if (in->max_waiting > 0 && waiting >= in->max_waiting)
		return sp_fail(err, SP_E_LIMIT, 0, "%lld evaluations wait already (at most %lld may)", (long long)waiting,
		        (long long)in->max_waiting);

	if (!(st = sp_sqlite_stmt(c, SP_SQL_CREATE, err))) return -1;
	bind_id(st, 1, &in->id);
	sqlite3_bind_int(st, 2, in->class_);
	bind_text(st, 3, in->language);
	bind_text(st, 4, in->reference);
	sqlite3_bind_int64(st, 5, now);
	if (run_write(c, st, "insert the evaluation", err) != 0) return -1;

	if (!(st = sp_sqlite_stmt(c, SP_SQL_CREATE_DATA, err))) return -1;
	bind_id(st, 1, &in->id);
	bind_bytes(st, 2, &in->request);
	if (run_write(c, st, "insert the request", err) != 0) return -1;

	*j->out = (struct sp_evaluation){.id = in->id,
	        .status = SP_STATUS_CREATED,
	        .class_ = in->class_,
	        .has_reference = in->reference != NULL,
	        .created_at_ms = now};
	snprintf(j->out->language, sizeof(j->out->language), "%s", in->language);
	snprintf(j->out->reference, sizeof(j->out->reference), "%s", in->reference ? in->reference : "");
	job->waiting = 1;
	return 0;
}

static int sqlite_create(struct sp_store *store, const struct sp_new_evaluation *in, struct sp_evaluation *out, struct sp_err *err)
{
	struct create_job j = {.job = {.run = do_create, .bytes = in->request.n}, .in = in, .out = out};

	return sp_sqlite_submit(sqlite_of(store), &j.job, err);
}

/* claim */

struct claim_job {
	struct sp_sqlite_job job;
	const struct sp_claim_request *in;
	enum sp_claim_outcome outcome;
	struct sp_stored *out;
};

static int claim_from(struct sp_sqlite *s, struct sp_sqlite_conn *c, struct claim_job *j, enum sp_status from, struct sp_err *err)
{
	sqlite3_stmt *st = sp_sqlite_stmt(c, SP_SQL_CLAIM, err);
	int64_t now = sp_sqlite_now(s);

	if (!st) return -1;
	bind_id(st, 1, &j->in->id);
	bind_text(st, 2, j->in->evaluator_id);
	sqlite3_bind_int64(st, 3, now + j->in->lease_ms);
	sqlite3_bind_int64(st, 4, sp_wall_ms());
	sqlite3_bind_int64(st, 5, now);
	sqlite3_bind_int(st, 6, from);
	sqlite3_bind_int(st, 7, j->in->max_lost);
	return run_returning(c, st, "claim", &j->out->row, err);
}

static int load_request(struct sp_sqlite_conn *c, const struct sp_id *id, struct sp_bytes *out, struct sp_err *err)
{
	sqlite3_stmt *st = sp_sqlite_stmt(c, SP_SQL_REQUEST, err);

	if (!st) return -1;
	bind_id(st, 1, id);
	int rc = sqlite3_step(st), loaded = 0;
	if (rc == SQLITE_ROW)
		loaded = sp_sqlite_bytes(st, 0, out, err);
	else if (rc != SQLITE_DONE) /* no row: retention took it; the worker sees an empty request */
		loaded = sp_sqlite_fail(err, c->db, rc, "read the request");
	sqlite3_reset(st);
	return loaded;
}

/* 1 found, 0 absent, -1. */
static int load_row(struct sp_sqlite_conn *c, const struct sp_id *id, struct sp_evaluation *out, struct sp_err *err)
{
	sqlite3_stmt *st = sp_sqlite_stmt(c, SP_SQL_GET, err);

	if (!st) return -1;
	bind_id(st, 1, id);
	int rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		sp_sqlite_row(st, out);
	else if (rc != SQLITE_DONE)
		sp_sqlite_fail(err, c->db, rc, "read the evaluation");
	sqlite3_reset(st);
	return rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : -1;
}

/* Ends a row that must not run again; row and reason in one savepoint. */
static int judge(struct sp_sqlite *s, struct sp_sqlite_conn *c, struct claim_job *j, enum sp_status status, const char *verdict,
        const char *result, struct sp_err *err)
{
	sqlite3_stmt *st = sp_sqlite_stmt(c, SP_SQL_JUDGE, err);

	if (!st) return -1;
	bind_id(st, 1, &j->in->id);
	sqlite3_bind_int(st, 2, status);
	bind_text(st, 3, verdict);
	sqlite3_bind_int64(st, 4, sp_wall_ms());
	sqlite3_bind_int64(st, 5, sp_sqlite_now(s));
	int changed = run_returning(c, st, "end the evaluation", &j->out->row, err);
	if (changed < 0) return -1;
	if (changed == 0) return sp_fail(err, SP_E_INTERNAL, 0, "the evaluation changed between two statements of one transaction");

	if (!(st = sp_sqlite_stmt(c, SP_SQL_JUDGE_DATA, err))) return -1;
	bind_id(st, 1, &j->in->id);
	sqlite3_bind_blob64(st, 2, result, strlen(result), SQLITE_STATIC);
	return run_write(c, st, "write the reason", err);
}

/* The row could not be claimed from `created`: finds out why, and does what its state asks for. */
static int claim_other(struct sp_sqlite *s, struct sp_sqlite_conn *c, struct claim_job *j, struct sp_err *err)
{
	struct sp_evaluation *row = &j->out->row;
	int found = load_row(c, &j->in->id, row, err);

	if (found < 0) return -1;
	if (found == 0) {
		row->id = j->in->id;
		j->outcome = SP_CLAIM_ABSENT;
		return 0;
	}
	if (sp_status_terminal(row->status)) {
		j->outcome = SP_CLAIM_TERMINAL;
		return 0;
	}
	bool waited = row->status == SP_STATUS_CREATED;
	if (!waited && row->lease_until_ms > sp_sqlite_now(s)) {
		j->outcome =
		        SP_CLAIM_ELSEWHERE; /* even if its cancellation is requested: who runs it reads that when it renews, and ends it with what it printed */
		return 0;
	}
	if (row->cancel_requested) {
		j->outcome = SP_CLAIM_CANCELED;
		j->job.waiting = waited ? -1 : 0;
		return judge(s, c, j, SP_STATUS_CANCELED, NULL,
		        "{\"reason\":{\"code\":\"canceled\",\"message\":\"canceled on request\",\"retryable\":false}}", err);
	}
	int claimed = waited ? 0 : claim_from(s, c, j, SP_STATUS_EVALUATING, err);
	if (claimed < 0) return -1;
	if (claimed > 0) {
		j->outcome = SP_CLAIM_MINE;
		return 0;
	}
	char result[256];
	int lost = row->lost + (waited ? 0 : 1);
	snprintf(result, sizeof(result),
	        "{\"reason\":{\"code\":\"evaluator_lost\",\"message\":\"given up: the evaluator that ran it was lost, %d "
	        "time%s\",\"retryable\":true}}",
	        lost, lost == 1 ? "" : "s");
	j->outcome = SP_CLAIM_EXHAUSTED;
	j->job.waiting = waited ? -1 : 0;
	return judge(s, c, j, SP_STATUS_FAILED, "internal_error", result, err);
}

static int do_claim(struct sp_sqlite *s, struct sp_sqlite_conn *c, struct sp_sqlite_job *job, struct sp_err *err)
{
	struct claim_job *j = (struct claim_job *)job;
	int claimed = claim_from(s, c, j, SP_STATUS_CREATED, err);

	if (claimed < 0) return -1;
	if (claimed > 0) {
		job->waiting = -1;
		j->outcome = SP_CLAIM_MINE;
	} else if (claim_other(s, c, j, err) != 0) {
		return -1;
	}
	return j->outcome == SP_CLAIM_MINE ? load_request(c, &j->in->id, &j->out->data.request, err) : 0;
}

static int sqlite_claim(struct sp_store *store, const struct sp_claim_request *in, enum sp_claim_outcome *outcome, struct sp_stored *out,
        struct sp_err *err)
{
	struct claim_job j = {.job = {.run = do_claim}, .in = in, .out = out};

	*out = (struct sp_stored){0};
	if (sp_sqlite_submit(sqlite_of(store), &j.job, err) != 0) {
		/* The job may have filled it in before the commit failed. */
		sp_stored_fini(out);
		*out = (struct sp_stored){0};
		return -1;
	}
	*outcome = j.outcome;
	return 0;
}

/* release */

struct release_job {
	struct sp_sqlite_job job;
	const struct sp_id *id;
	int64_t claim_no;
	bool applied;
};

static int do_release(struct sp_sqlite *s, struct sp_sqlite_conn *c, struct sp_sqlite_job *job, struct sp_err *err)
{
	struct release_job *j = (struct release_job *)job;
	sqlite3_stmt *st = sp_sqlite_stmt(c, SP_SQL_RELEASE, err);

	if (!st) return -1;
	bind_id(st, 1, j->id);
	sqlite3_bind_int64(st, 2, j->claim_no);
	if (run_write(c, st, "release", err) != 0) return -1;
	j->applied = sqlite3_changes(c->db) == 1;
	job->waiting = j->applied ? 1 : 0;
	return 0;
}

static int sqlite_release(struct sp_store *store, const struct sp_id *id, int64_t claim_no, bool *applied, struct sp_err *err)
{
	struct release_job j = {.job = {.run = do_release}, .id = id, .claim_no = claim_no};

	if (sp_sqlite_submit(sqlite_of(store), &j.job, err) != 0) return -1;
	*applied = j.applied;
	return 0;
}

/* finish */

struct finish_job {
	struct sp_sqlite_job job;
	const struct sp_finish *in;
	bool applied;
};

static int do_finish(struct sp_sqlite *s, struct sp_sqlite_conn *c, struct sp_sqlite_job *job, struct sp_err *err)
{
	struct finish_job *j = (struct finish_job *)job;
	const struct sp_finish *in = j->in;
	sqlite3_stmt *st = sp_sqlite_stmt(c, SP_SQL_FINISH, err);

	if (!st) return -1;
	bind_id(st, 1, &in->id);
	sqlite3_bind_int64(st, 2, in->claim_no);
	sqlite3_bind_int(st, 3, in->status);
	bind_text(st, 4, in->verdict);
	bind_text(st, 5, in->stage);
	bind_text(st, 6, in->signal);
	if (in->has_exit_code) sqlite3_bind_int(st, 7, in->exit_code);
	sqlite3_bind_int64(st, 8, sp_wall_ms());
	if (run_write(c, st, "finish", err) != 0) return -1;
	j->applied = sqlite3_changes(c->db) == 1;
	if (!j->applied) return 0;

	if (!(st = sp_sqlite_stmt(c, SP_SQL_FINISH_DATA, err))) return -1;
	bind_id(st, 1, &in->id);
	bind_bytes(st, 2, &in->result);
	bind_bytes(st, 3, &in->output);
	bind_bytes(st, 4, &in->segments);
	bind_bytes(st, 5, &in->compile_output);
	return run_write(c, st, "write the result", err);
}

static int sqlite_finish(struct sp_store *store, const struct sp_finish *in, bool *applied, struct sp_err *err)
{
	struct finish_job j = {
	        .job = {.run = do_finish, .bytes = in->result.n + in->output.n + in->segments.n + in->compile_output.n}, .in = in};

	if (sp_sqlite_submit(sqlite_of(store), &j.job, err) != 0) return -1;
	*applied = j.applied;
	return 0;
}

/* renew */

struct renew_job {
	struct sp_sqlite_job job;
	const char *evaluator_id;
	int64_t lease_ms;
	struct sp_lease *leases;
	size_t n;
};

static int do_renew(struct sp_sqlite *s, struct sp_sqlite_conn *c, struct sp_sqlite_job *job, struct sp_err *err)
{
	struct renew_job *j = (struct renew_job *)job;
	int64_t until = sp_sqlite_now(s) + j->lease_ms;

	for (size_t i = 0; i < j->n; i++) {
		struct sp_lease *l = &j->leases[i];
		sqlite3_stmt *st = sp_sqlite_stmt(c, SP_SQL_RENEW, err);
		if (!st) return -1;
		bind_id(st, 1, &l->id);
		sqlite3_bind_int64(st, 2, l->claim_no);
		bind_text(st, 3, j->evaluator_id);
		sqlite3_bind_int64(st, 4, until);
		int rc = sp_sqlite_step_write(st);
		l->lost = rc == SQLITE_DONE;
		l->cancel = rc == SQLITE_ROW && sqlite3_column_int(st, 0) != 0;
		if (rc != SQLITE_ROW && rc != SQLITE_DONE) sp_sqlite_fail(err, c->db, rc, "renew");
		sqlite3_reset(st);
		if (rc != SQLITE_ROW && rc != SQLITE_DONE) return -1;
	}
	return 0;
}

static int sqlite_renew(
        struct sp_store *store, const char *evaluator_id, int64_t lease_ms, struct sp_lease *leases, size_t n, struct sp_err *err)
{
	struct renew_job j = {.job = {.run = do_renew}, .evaluator_id = evaluator_id, .lease_ms = lease_ms, .leases = leases, .n = n};

	if (sp_sqlite_submit(sqlite_of(store), &j.job, err) == 0) return 0;
	/* Nothing is known of them: the caller must not act on what a lost transaction said. */
	for (size_t i = 0; i < n; i++) leases[i].lost = leases[i].cancel = false;
	return -1;
}

/* Reads: on the caller's thread. */

static int load_data(sqlite3_stmt *st, struct sp_evaluation_data *out, struct sp_err *err)
{
	struct sp_bytes *const fields[] = {&out->result, &out->output, &out->segments, &out->compile_output};

	for (size_t i = 0; i < SP_COUNT(fields); i++)
		if (sp_sqlite_bytes(st, SP_SQL_ROW_COLUMNS + (int)i, fields[i], err) != 0) return -1;
	return 0;
}

static int read_one(struct sp_sqlite_conn *c, const struct sp_id *id, bool with_data, struct sp_stored *out, struct sp_err *err)
{
	sqlite3_stmt *st = sp_sqlite_stmt(c, with_data ? SP_SQL_GET_DATA : SP_SQL_GET, err);
	int read = 0;

	if (!st) return -1;
	bind_id(st, 1, id);
	int rc = sqlite3_step(st);
	if (rc == SQLITE_ROW) {
		sp_sqlite_row(st, &out->row);
		if (with_data) read = load_data(st, &out->data, err);
	} else if (rc == SQLITE_DONE) {
		read = sp_fail(err, SP_E_NOT_FOUND, 0, "no such evaluation");
	} else {
		read = sp_sqlite_fail(err, c->db, rc, "read the evaluation");
	}
	sqlite3_reset(st);
	return read;
}

static int sqlite_get(struct sp_store *store, const struct sp_id *id, bool with_data, struct sp_stored *out, struct sp_err *err)
{
	struct sp_sqlite *s = sqlite_of(store);
	struct sp_sqlite_conn *c = sp_sqlite_pool_take(&s->pool, err);

	*out = (struct sp_stored){0};
	if (!c) return -1;
	int rc = read_one(c, id, with_data, out, err);
	sp_sqlite_pool_give(&s->pool, c);
	if (rc != 0) {
		sp_stored_fini(out);
		*out = (struct sp_stored){0};
	}
	return rc;
}

static int scan_rows(struct sp_sqlite *s, struct sp_sqlite_conn *c, enum sp_scan what, const struct sp_id *after,
        struct sp_scan_item *items, size_t max, struct sp_err *err)
{
	sqlite3_stmt *st = sp_sqlite_stmt(c, what == SP_SCAN_WAITING ? SP_SQL_SCAN_WAITING : SP_SQL_SCAN_EXPIRED, err);
	size_t n = 0;
	int rc = SQLITE_DONE;

	if (!st) return -1;
	/* The empty blob sorts before every id. */
	sqlite3_bind_blob(st, 1, after ? (const void *)after->b : "", after ? (int)sizeof(after->b) : 0, SQLITE_STATIC);
	sqlite3_bind_int64(st, 2, (int64_t)max);
	if (what == SP_SCAN_EXPIRED) sqlite3_bind_int64(st, 3, sp_sqlite_now(s));
	while (n < max && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		const void *id = sqlite3_column_blob(st, 0);
		if (!id || sqlite3_column_bytes(st, 0) != (int)sizeof(items[n].id.b)) continue;
		memcpy(items[n].id.b, id, sizeof(items[n].id.b));
		items[n].class_ = (enum sp_class)sqlite3_column_int(st, 1);
		n++;
	}
	if (rc != SQLITE_ROW && rc != SQLITE_DONE) sp_sqlite_fail(err, c->db, rc, "scan");
	sqlite3_reset(st);
	return rc != SQLITE_ROW && rc != SQLITE_DONE ? -1 : (int)n;
}

static int sqlite_scan(
        struct sp_store *store, enum sp_scan what, const struct sp_id *after, struct sp_scan_item *items, size_t max, struct sp_err *err)
{
	struct sp_sqlite *s = sqlite_of(store);
	struct sp_sqlite_conn *c = sp_sqlite_pool_take(&s->pool, err);

	if (!c) return -1;
	int rc = scan_rows(s, c, what, after, items, max, err);
	sp_sqlite_pool_give(&s->pool, c);
	return rc;
}

static int sweep_rows(struct sp_sqlite_conn *c, const struct sp_id *ids, size_t n, bool *terminal, struct sp_err *err)
{
	/* One read transaction: one moment for all, and the log is looked up once instead of n times. */
	if (sp_sqlite_run(c, SP_SQL_READ, err) != 0) return -1;
	for (size_t i = 0; i < n; i++) {
		sqlite3_stmt *st = sp_sqlite_stmt(c, SP_SQL_STATUS, err);
		if (!st) return -1;
		bind_id(st, 1, &ids[i]);
		int rc = sqlite3_step(st);
		if (rc == SQLITE_ROW) terminal[i] = sp_status_terminal((enum sp_status)sqlite3_column_int(st, 0));
		if (rc == SQLITE_DONE) terminal[i] = true;
		if (rc != SQLITE_ROW && rc != SQLITE_DONE) sp_sqlite_fail(err, c->db, rc, "sweep");
		sqlite3_reset(st);
		if (rc != SQLITE_ROW && rc != SQLITE_DONE) return -1;
	}
	return sp_sqlite_run(c, SP_SQL_COMMIT, err);
}

static int do_ping(struct sp_sqlite *s, struct sp_sqlite_conn *c, struct sp_sqlite_job *job, struct sp_err *err)
{
	sqlite3_stmt *st = sp_sqlite_stmt(c, SP_SQL_PING, err);

	if (!st) return -1;
	int rc = sqlite3_step(st);
	if (rc != SQLITE_ROW) sp_sqlite_fail(err, c->db, rc, "ping");
	sqlite3_reset(st);
	return rc == SQLITE_ROW ? 0 : -1;
}

static int sqlite_sweep(struct sp_store *store, const struct sp_id *ids, size_t n, bool *terminal, struct sp_err *err)
{
	struct sp_sqlite *s = sqlite_of(store);

	/* The ping goes through the writer: a store that only reads is not ready. It changes nothing, so its commit does not touch the disk. */
	if (n == 0) {
		struct sp_sqlite_job j = {.run = do_ping};
		return sp_sqlite_submit(s, &j, err);
	}
	struct sp_sqlite_conn *c = sp_sqlite_pool_take(&s->pool, err);
	if (!c) return -1;
	int rc = sweep_rows(c, ids, n, terminal, err);
	if (!sqlite3_get_autocommit(c->db)) {
		struct sp_err ignored;
		if (sp_sqlite_run(c, SP_SQL_ROLLBACK, &ignored) != 0)
			sp_log_warn("store", "reader left in a transaction", SP_ERR(&ignored));
	}
	sp_sqlite_pool_give(&s->pool, c);
	return rc;
}

/* Tests */

struct exec_job {
	struct sp_sqlite_job job;
	const char *sql;
};

static int do_exec(struct sp_sqlite *s, struct sp_sqlite_conn *c, struct sp_sqlite_job *job, struct sp_err *err)
{
	int rc = sqlite3_exec(c->db, ((struct exec_job *)job)->sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : sp_sqlite_fail(err, c->db, rc, "exec");
}

int sp_sqlite_exec(struct sp_store *s, const char *sql, struct sp_err *err)
{
	struct exec_job j = {.job = {.run = do_exec}, .sql = sql};

	return sp_sqlite_submit(sqlite_of(s), &j.job, err);
}

/* Open and close */

static void sqlite_close(struct sp_store *store)
{
	struct sp_sqlite *s = sqlite_of(store);

	sp_sqlite_writer_stop(s);
	sp_sqlite_pool_fini(&s->pool);
	sp_sqlite_conn_close(s->writer.conn); /* the last one: empties the log into the database */
	sp_sqlite_file_unlock(s->lock_fd);
	free(s->path);
	free(s);
}

/* The lock proves that whoever held these leases has ended. */
static int end_leases(struct sp_sqlite *s, struct sp_err *err)
{
	struct sp_sqlite_conn *c = s->writer.conn;
	sqlite3_stmt *st = sp_sqlite_stmt(c, SP_SQL_END_LEASES, err);

	if (!st) return -1;
	sqlite3_bind_int64(st, 1, sp_sqlite_now(s));
	if (run_write(c, st, "end leases", err) != 0) return -1;
	int ended = sqlite3_changes(c->db);
	if (ended) sp_log_info("store", "leases of an earlier process ended", SP_I("evaluations", ended));
	return 0;
}

static const struct sp_store_ops sqlite_ops = {
        .name = "sqlite",
        .create = sqlite_create,
        .claim = sqlite_claim,
        .release = sqlite_release,
        .finish = sqlite_finish,
        .renew = sqlite_renew,
        .get = sqlite_get,
        .scan = sqlite_scan,
        .sweep = sqlite_sweep,
        .close = sqlite_close,
};

static struct sp_store *sqlite_open(const char *rest, struct sp_err *err)
{
	struct sp_sqlite *s = sp_new(struct sp_sqlite);
	struct sp_err why;

	s->super.ops = &sqlite_ops;
	s->lock_fd = -1;
	s->epoch = sp_wall_ms() - sp_mono_ns() / SP_NS_PER_MS;
	bool memory = strcmp(rest, ":memory:") == 0;
	if (!memory && sp_sqlite_file_prepare(rest, &s->path, &s->lock_fd, err) != 0) {
		free(s);
		return NULL;
	}
	sp_sqlite_pool_init(&s->pool, s->path, memory ? 1 : SP_SQLITE_READERS);
	if ((s->writer.conn = sp_sqlite_conn_open(s->path, SP_SQLITE_WRITER, &why)) &&
	        sp_sqlite_migrate(s->writer.conn->db, sp_migrations_sqlite, &why) == 0 && end_leases(s, &why) == 0 &&
	        sp_sqlite_writer_start(s, &why) == 0)
		return &s->super;
	/* A disk that is away now is a reason to end, not to ask again: there is no store to ask. */
	sp_fail(err, why.code == SP_E_UNAVAILABLE ? SP_E_IO : why.code, 0, "store %s: %s", memory ? "in memory" : s->path, why.msg);
	sqlite_close(&s->super);
	return NULL;
}

static int sqlite_look(const char *rest, struct sp_err *err) { return strcmp(rest, ":memory:") == 0 ? 0 : sp_sqlite_file_look(rest, err); }

const struct sp_store_driver sp_store_sqlite = {.scheme = "sqlite", .open = sqlite_open, .look = sqlite_look};
