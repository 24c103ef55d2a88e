/* SPDX-License-Identifier: MIT */
/* The SQLite back-end: the moves of a row from `created` to its end. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "store/sqlite_internal.h"

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
	sp_sqlite_bind_id(st, 1, &j->in->id);
	sp_sqlite_bind_text(st, 2, j->in->evaluator_id);
	sqlite3_bind_int64(st, 3, now + j->in->lease_ms);
	sqlite3_bind_int64(st, 4, sp_wall_ms());
	sqlite3_bind_int64(st, 5, now);
	sqlite3_bind_int(st, 6, from);
	sqlite3_bind_int(st, 7, j->in->max_lost);
	return sp_sqlite_run_returning(c, st, "claim", &j->out->row, err);
}

static int load_request(struct sp_sqlite_conn *c, const struct sp_id *id, struct sp_bytes *out, struct sp_err *err)
{
	sqlite3_stmt *st = sp_sqlite_stmt(c, SP_SQL_REQUEST, err);

	if (!st) return -1;
	sp_sqlite_bind_id(st, 1, id);
	int found = sp_sqlite_step(c, st, "read the request", err), loaded = 0;
	if (found < 0) return -1;
	if (found > 0) loaded = sp_sqlite_bytes(st, 0, out, err); /* no row: retention took it; the worker sees an empty request */
	sqlite3_reset(st);
	return loaded;
}

/* Ends a row that must not run (again); row and reason in one savepoint. */
static int judge(struct sp_sqlite *s, struct sp_sqlite_conn *c, struct sp_sqlite_job *job, struct sp_evaluation *row, enum sp_status status,
        const char *verdict, const char *result, struct sp_err *err)
{
	sqlite3_stmt *st = sp_sqlite_stmt(c, SP_SQL_JUDGE, err);
	struct sp_id id = row->id;
	bool waited = row->status == SP_STATUS_CREATED;

	if (!st) return -1;
	sp_sqlite_bind_id(st, 1, &id);
	sqlite3_bind_int(st, 2, status);
	sp_sqlite_bind_text(st, 3, verdict);
	sqlite3_bind_int64(st, 4, sp_wall_ms());
	sqlite3_bind_int64(st, 5, sp_sqlite_now(s));
	int changed = sp_sqlite_run_returning(c, st, "end the evaluation", row, err);
	if (changed < 0) return -1;
	if (changed == 0) return sp_fail(err, SP_E_INTERNAL, 0, "the evaluation changed between two statements of one transaction");
	if (waited) sp_sqlite_note_waiting(s, job, row->key_id, -1);

	if (!(st = sp_sqlite_stmt(c, SP_SQL_JUDGE_DATA, err))) return -1;
	sp_sqlite_bind_id(st, 1, &id);
	sqlite3_bind_blob64(st, 2, result, strlen(result), SQLITE_STATIC);
	return sp_sqlite_run_write(c, st, "write the reason", err);
}

static int judge_canceled(struct sp_sqlite *s, struct sp_sqlite_conn *c, struct sp_sqlite_job *job, struct sp_evaluation *row,
        enum sp_cancel why, struct sp_err *err)
{
	return judge(s, c, job, row, SP_STATUS_CANCELED, NULL,
	        why == SP_CANCEL_CLIENT_GONE
	                ? "{\"reason\":{\"code\":\"canceled\",\"message\":\"canceled: the client left before it "
	                  "began\",\"retryable\":true}}"
	                : "{\"reason\":{\"code\":\"canceled\",\"message\":\"canceled on request\",\"retryable\":false}}",
	        err);
}

/* lost: with the lease that is over now. */
static int judge_exhausted(
        struct sp_sqlite *s, struct sp_sqlite_conn *c, struct sp_sqlite_job *job, struct sp_evaluation *row, int lost, struct sp_err *err)
{
	char result[256], bound[64] = "";

	if (row->max_runs > 0)
		snprintf(bound, sizeof(bound), ", and it may be begun %d time%s (max_runs)", row->max_runs, row->max_runs == 1 ? "" : "s");
	if (lost)
		snprintf(result, sizeof(result),
		        "{\"reason\":{\"code\":\"evaluator_lost\",\"message\":\"given up: the evaluator that ran it was lost, %d "
		        "time%s%s\",\"retryable\":true}}",
		        lost, lost == 1 ? "" : "s", bound);
	else
		snprintf(result, sizeof(result),
		        "{\"reason\":{\"code\":\"evaluator_lost\",\"message\":\"given up: the evaluator that ran it had to "
		        "stop%s\",\"retryable\":true}}",
		        bound);
	return judge(s, c, job, row, SP_STATUS_FAILED, "internal_error", result, err);
}

/* The row could not be claimed from `created`: finds out why, and does what its state asks for. */
static int claim_other(struct sp_sqlite *s, struct sp_sqlite_conn *c, struct claim_job *j, struct sp_err *err)
{
	struct sp_evaluation *row = &j->out->row;
	int found = sp_sqlite_load_row(c, &j->in->id, row, err);

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
		/* Even if its cancellation is requested: who runs it reads that when it renews, and ends it with what it printed. */
		j->outcome = SP_CLAIM_ELSEWHERE;
		return 0;
	}
	if (row->cancel_requested) {
		j->outcome = SP_CLAIM_CANCELED;
		return judge_canceled(s, c, &j->job, row, SP_CANCEL_REQUESTED, err);
	}
	int claimed = waited ? 0 : claim_from(s, c, j, SP_STATUS_EVALUATING, err);
	if (claimed < 0) return -1;
	if (claimed > 0) {
		j->outcome = SP_CLAIM_MINE;
		return 0;
	}
	int lost = row->lost + (waited ? 0 : 1);
	if (lost < j->in->max_lost && (row->max_runs == 0 || lost + row->begun < row->max_runs)) {
		j->outcome = SP_CLAIM_BUSY;
		return 0;
	}
	j->outcome = SP_CLAIM_EXHAUSTED;
	return judge_exhausted(s, c, &j->job, row, lost, err);
}

static int do_claim(struct sp_sqlite *s, struct sp_sqlite_conn *c, struct sp_sqlite_job *job, struct sp_err *err)
{
	struct claim_job *j = (struct claim_job *)job;
	int claimed = claim_from(s, c, j, SP_STATUS_CREATED, err);

	if (claimed < 0) return -1;
	if (claimed > 0) {
		sp_sqlite_note_waiting(s, job, j->out->row.key_id, -1);
		j->outcome = SP_CLAIM_MINE;
	} else if (claim_other(s, c, j, err) != 0) {
		return -1;
	}
	return j->outcome == SP_CLAIM_MINE ? load_request(c, &j->in->id, &j->out->data.request, err) : 0;
}

int sp_sqlite_claim(struct sp_store *store, const struct sp_claim_request *in, enum sp_claim_outcome *outcome, struct sp_stored *out,
        struct sp_err *err)
{
	struct sp_sqlite *s = (struct sp_sqlite *)store;
	struct claim_job j = {.job = {.run = do_claim}, .in = in, .out = out};

	*out = (struct sp_stored){0};
	if (sp_sqlite_refuse_beside(s, err) != 0) return -1;
	if (sp_sqlite_submit(s, &j.job, err) != 0) {
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
	bool began, applied;
};

static int do_release(struct sp_sqlite *s, struct sp_sqlite_conn *c, struct sp_sqlite_job *job, struct sp_err *err)
{
	struct release_job *j = (struct release_job *)job;
	sqlite3_stmt *st = sp_sqlite_stmt(c, SP_SQL_RELEASE, err);
	struct sp_evaluation row;

	if (!st) return -1;
	sp_sqlite_bind_id(st, 1, j->id);
	sqlite3_bind_int64(st, 2, j->claim_no);
	sqlite3_bind_int(st, 3, j->began);
	int changed = sp_sqlite_run_returning(c, st, "release", &row, err);
	if (changed < 0) return -1;
	j->applied = changed == 1;
	if (j->applied) sp_sqlite_note_waiting(s, job, row.key_id, 1);
	return 0;
}

int sp_sqlite_release(struct sp_store *store, const struct sp_id *id, int64_t claim_no, bool began, bool *applied, struct sp_err *err)
{
	struct sp_sqlite *s = (struct sp_sqlite *)store;
	struct release_job j = {.job = {.run = do_release}, .id = id, .claim_no = claim_no, .began = began};

	if (sp_sqlite_refuse_beside(s, err) != 0 || sp_sqlite_submit(s, &j.job, err) != 0) return -1;
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
	sp_sqlite_bind_id(st, 1, &in->id);
	sqlite3_bind_int64(st, 2, in->claim_no);
	sqlite3_bind_int(st, 3, in->status);
	sp_sqlite_bind_text(st, 4, in->verdict);
	sp_sqlite_bind_text(st, 5, in->stage);
	sp_sqlite_bind_text(st, 6, in->signal);
	if (in->has_exit_code) sqlite3_bind_int(st, 7, in->exit_code);
	sqlite3_bind_int64(st, 8, sp_wall_ms());
	if (sp_sqlite_run_write(c, st, "finish", err) != 0) return -1;
	j->applied = sqlite3_changes(c->db) == 1;
	if (!j->applied) return 0;

	if (!(st = sp_sqlite_stmt(c, SP_SQL_FINISH_DATA, err))) return -1;
	sp_sqlite_bind_id(st, 1, &in->id);
	sp_sqlite_bind_bytes(st, 2, &in->result);
	sp_sqlite_bind_bytes(st, 3, &in->output);
	sp_sqlite_bind_bytes(st, 4, &in->segments);
	sp_sqlite_bind_bytes(st, 5, &in->compile_output);
	return sp_sqlite_run_write(c, st, "write the result", err);
}

int sp_sqlite_finish(struct sp_store *store, const struct sp_finish *in, bool *applied, struct sp_err *err)
{
	struct sp_sqlite *s = (struct sp_sqlite *)store;
	struct finish_job j = {
	        .job = {.run = do_finish, .bytes = in->result.n + in->output.n + in->segments.n + in->compile_output.n}, .in = in};

	if (sp_sqlite_refuse_beside(s, err) != 0 || sp_sqlite_submit(s, &j.job, err) != 0) return -1;
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
		sp_sqlite_bind_id(st, 1, &l->id);
		sqlite3_bind_int64(st, 2, l->claim_no);
		sp_sqlite_bind_text(st, 3, j->evaluator_id);
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

int sp_sqlite_renew(
        struct sp_store *store, const char *evaluator_id, int64_t lease_ms, struct sp_lease *leases, size_t n, struct sp_err *err)
{
	struct sp_sqlite *s = (struct sp_sqlite *)store;
	struct renew_job j = {.job = {.run = do_renew}, .evaluator_id = evaluator_id, .lease_ms = lease_ms, .leases = leases, .n = n};

	if (sp_sqlite_refuse_beside(s, err) == 0 && sp_sqlite_submit(s, &j.job, err) == 0) return 0;
	/* Nothing is known of them: the caller must not act on what a lost transaction said. */
	for (size_t i = 0; i < n; i++) leases[i].lost = leases[i].cancel = false;
	return -1;
}

/* cancel */

struct cancel_job {
	struct sp_sqlite_job job;
	const struct sp_id *id;
	enum sp_cancel why;
	struct sp_evaluation *out;
};

static int do_cancel(struct sp_sqlite *s, struct sp_sqlite_conn *c, struct sp_sqlite_job *job, struct sp_err *err)
{
	struct cancel_job *j = (struct cancel_job *)job;
	struct sp_evaluation *row = j->out;
	int found = sp_sqlite_load_row(c, j->id, row, err);

	if (found < 0) return -1;
	if (found == 0) return sp_fail(err, SP_E_NOT_FOUND, 0, "no such evaluation");
	if (sp_status_terminal(row->status)) return 0;
	if (row->status == SP_STATUS_CREATED) return judge_canceled(s, c, job, row, j->why, err);
	if (j->why == SP_CANCEL_CLIENT_GONE) return 0;

	sqlite3_stmt *st = sp_sqlite_stmt(c, SP_SQL_CANCEL_RUNNING, err);
	if (!st) return -1;
	sp_sqlite_bind_id(st, 1, j->id);
	return sp_sqlite_run_returning(c, st, "request the cancellation", row, err) < 0 ? -1 : 0;
}

int sp_sqlite_cancel(struct sp_store *store, const struct sp_id *id, enum sp_cancel why, struct sp_evaluation *out, struct sp_err *err)
{
	struct cancel_job j = {.job = {.run = do_cancel}, .id = id, .why = why, .out = out};

	*out = (struct sp_evaluation){0};
	if (sp_sqlite_submit((struct sp_sqlite *)store, &j.job, err) == 0) return 0;
	*out = (struct sp_evaluation){0};
	return -1;
}
