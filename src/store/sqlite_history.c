/* SPDX-License-Identifier: MIT */
/* The SQLite back-end: lists, erasing, retention, figures. */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/sqlite_internal.h"

/* list */

/* How far the time in an id may be from created_at: the id is made before the row is written, and keeps rising when the clock is set back. Filters by time narrow the ids by that, and look at created_at itself. */
#define SLACK_MS (10 * 60 * INT64_C(1000))

static bool column_is(sqlite3_stmt *st, int column, const char *want)
{
	const unsigned char *s;

	return !want || ((s = sqlite3_column_text(st, column)) && strcmp((const char *)s, want) == 0);
}

/* Columns of SP_SQL_ROW. */
static bool wanted(sqlite3_stmt *st, const struct sp_list_request *in)
{
	int64_t created = sqlite3_column_int64(st, 13);

	if (in->status && sqlite3_column_int(st, 1) != (int)*in->status) return false;
	if (!column_is(st, 3, in->language) || !column_is(st, 4, in->verdict)) return false;
	if (in->created_after_ms && created < in->created_after_ms) return false;
	if (in->created_before_ms && created >= in->created_before_ms) return false;
	return in->all_users || in->user_id || sqlite3_column_type(st, 17) == SQLITE_NULL;
}

static bool below(const struct sp_id *a, const struct sp_id *b) { return memcmp(a->b, b->b, sizeof(a->b)) < 0; }

/* The ids that a list is about: from <= id < to. */
struct range {
	bool has_from, has_to;
	struct sp_id from, to;
};

static struct range range_of(const struct sp_list_request *in)
{
	struct range r = {.has_from = in->created_after_ms != 0, .has_to = in->created_before_ms != 0};

	if (r.has_from) r.from = sp_id_floor(in->created_after_ms - SLACK_MS);
	if (r.has_to) r.to = sp_id_floor(in->created_before_ms + SLACK_MS);
	if (in->before && (!r.has_to || below(in->before, &r.to))) r.to = *in->before;
	r.has_to = r.has_to || in->before;
	return r;
}

static int list_rows(struct sp_sqlite_conn *c, const struct sp_list_request *in, struct sp_list_page *out, struct sp_err *err)
{
	const struct sp_id *user = in->all_users ? NULL : in->user_id;
	enum sp_sql q = user ? SP_SQL_LIST_USER : SP_SQL_LIST_ALL;
	struct range r = range_of(in);
	struct sp_id last;
	int found = 0;
	size_t looks = 0;

	if (in->reference) q = user ? SP_SQL_LIST_USER_REFERENCE : SP_SQL_LIST_REFERENCE;
	sqlite3_stmt *st = sp_sqlite_stmt(c, q, err);
	if (!st) return -1;
	sp_sqlite_bind_before(st, 1, r.has_to ? &r.to : NULL);
	sp_sqlite_bind_after(st, 2, r.has_from ? &r.from : NULL);
	sqlite3_bind_int64(st, 3, SP_LIST_LOOKS);
	if (user) sp_sqlite_bind_id(st, 4, user);
	if (in->reference) sp_sqlite_bind_text(st, 5, in->reference);
	while ((found = sp_sqlite_step(c, st, "list", err)) > 0) {
		looks++;
		(void)sp_sqlite_column_id(st, 0, &last);
		if (!wanted(st, in)) continue;
		/* One more than the page holds: there is a next page, and it begins with this one. */
		if (out->n == in->limit) {
			out->more = true;
			out->next = out->items[out->n - 1].id;
			break;
		}
		sp_sqlite_row(st, &out->items[out->n++]);
	}
	if (found < 0) return -1;
	sqlite3_reset(st);
	if (found == 0 && looks == SP_LIST_LOOKS) {
		out->more = true;
		out->next = last;
	}
	return 0;
}

static int sqlite_list(struct sp_store *store, const struct sp_list_request *in, struct sp_list_page *out, struct sp_err *err)
{
	struct sp_sqlite *s = (struct sp_sqlite *)store;
	struct sp_sqlite_conn *c = sp_sqlite_pool_take(&s->pool, err);

	if (!c) return -1;
	int rc = list_rows(c, in, out, err);
	sp_sqlite_pool_give(&s->pool, c);
	return rc;
}

/* erase */

struct erase_job {
	struct sp_sqlite_job job;
	const struct sp_id *id;
	struct sp_evaluation *out;
};

static int do_erase(struct sp_sqlite *s, struct sp_sqlite_conn *c, struct sp_sqlite_job *job, struct sp_err *err)
{
	struct erase_job *j = (struct erase_job *)job;
	sqlite3_stmt *st = sp_sqlite_stmt(c, SP_SQL_ERASE, err);

	if (!st) return -1;
	sp_sqlite_bind_id(st, 1, j->id);
	int found = sp_sqlite_run_returning(c, st, "erase", j->out, err);
	if (found < 0) return -1;
	if (found == 0) return sp_fail(err, SP_E_NOT_FOUND, 0, "no such evaluation");
	if (j->out->status == SP_STATUS_CREATED) sp_sqlite_note_waiting(s, job, j->out->key_id, -1);
	return 0;
}

static int sqlite_erase(struct sp_store *store, const struct sp_id *id, struct sp_evaluation *out, struct sp_err *err)
{
	struct erase_job j = {.job = {.run = do_erase}, .id = id, .out = out};

	*out = (struct sp_evaluation){0};
	if (sp_sqlite_submit((struct sp_sqlite *)store, &j.job, err) == 0) return 0;
	*out = (struct sp_evaluation){0};
	return -1;
}

/* Deleting many: found by a reader, deleted by jobs that end after BATCH rows or after about BATCH_BYTES of what they free, since the pages of every value are visited. Other writers come in between. */

#define BATCH 100
#define BATCH_BYTES ((int64_t)8 << 20)

struct victims {
	struct sp_id ids[BATCH];
	size_t n;
};

struct delete_job {
	struct sp_sqlite_job job;
	const struct victims *v;
	bool data_only;
	int64_t deleted;
};

static int do_delete(struct sp_sqlite *s, struct sp_sqlite_conn *c, struct sp_sqlite_job *job, struct sp_err *err)
{
	struct delete_job *j = (struct delete_job *)job;
	struct sp_evaluation row;

	for (size_t i = 0; i < j->v->n; i++) {
		sqlite3_stmt *st = sp_sqlite_stmt(c, j->data_only ? SP_SQL_DELETE_DATA : SP_SQL_ERASE, err);
		if (!st) return -1;
		sp_sqlite_bind_id(st, 1, &j->v->ids[i]);
		if (j->data_only) {
			if (sp_sqlite_run_write(c, st, "delete data", err) != 0) return -1;
			j->deleted += sqlite3_changes(c->db);
			continue;
		}
		int found = sp_sqlite_run_returning(c, st, "delete", &row, err);
		if (found < 0) return -1;
		j->deleted += found;
		if (found && row.status == SP_STATUS_CREATED) sp_sqlite_note_waiting(s, job, row.key_id, -1);
	}
	return 0;
}

static int find_victims(struct sp_sqlite *s, enum sp_sql q, void (*bind)(sqlite3_stmt *st, const void *cls), const void *cls, int64_t max,
        struct victims *v, struct sp_err *err)
{
	struct sp_sqlite_conn *c = sp_sqlite_pool_take(&s->pool, err);
	int64_t bytes = 0;
	int found = -1;

	v->n = 0;
	if (!c) return -1;
	sqlite3_stmt *st = sp_sqlite_stmt(c, q, err);
	if (st) {
		bind(st, cls);
		sqlite3_bind_int64(st, 2, max < BATCH ? max : BATCH);
		while (v->n < BATCH && bytes < BATCH_BYTES && (found = sp_sqlite_step(c, st, "look for what to delete", err)) > 0) {
			if (!sp_sqlite_column_id(st, 0, &v->ids[v->n])) continue;
			bytes += sqlite3_column_int64(st, 1);
			v->n++;
		}
		if (found >= 0) sqlite3_reset(st);
	}
	sp_sqlite_pool_give(&s->pool, c);
	return found < 0 ? -1 : 0;
}

int64_t sp_sqlite_delete_found(struct sp_sqlite *s, enum sp_sql q, void (*bind)(sqlite3_stmt *st, const void *cls), const void *cls,
        int64_t max, struct sp_err *err)
{
	struct victims v;
	int64_t total = 0;

	while (total < max) {
		if (find_victims(s, q, bind, cls, max - total, &v, err) != 0) return -1;
		if (v.n == 0) break;
		struct delete_job j = {.job = {.run = do_delete}, .v = &v, .data_only = q == SP_SQL_DUE_DATA};
		if (sp_sqlite_submit(s, &j.job, err) != 0) return -1;
		total += (int64_t)v.n;
	}
	return total;
}

/* expire */

static void bind_cutoff(sqlite3_stmt *st, const void *cls)
{
	int64_t before = *(const int64_t *)cls;
	struct sp_id id = sp_id_floor(before);

	sqlite3_bind_blob(st, 1, id.b, sizeof(id.b), SQLITE_TRANSIENT);
	sqlite3_bind_int64(st, 3, before);
}

struct simple_job {
	struct sp_sqlite_job job;
	enum sp_sql q;
	int64_t before, max, deleted;
};

static int do_simple(struct sp_sqlite *s, struct sp_sqlite_conn *c, struct sp_sqlite_job *job, struct sp_err *err)
{
	struct simple_job *j = (struct simple_job *)job;
	sqlite3_stmt *st = sp_sqlite_stmt(c, j->q, err);

	if (!st) return -1;
	sqlite3_bind_int64(st, 1, j->before);
	sqlite3_bind_int64(st, 2, j->max);
	if (sp_sqlite_run_write(c, st, "forget keys", err) != 0) return -1;
	j->deleted = sqlite3_changes(c->db);
	return 0;
}

static int64_t delete_simple(struct sp_sqlite *s, enum sp_sql q, int64_t before, int64_t max, struct sp_err *err)
{
	struct simple_job j = {.job = {.run = do_simple}, .q = q, .before = before, .max = max};

	return sp_sqlite_submit(s, &j.job, err) == 0 ? j.deleted : -1;
}

/* What users leave whose deletion was interrupted. */
static int64_t clear_leftovers(struct sp_sqlite *s, int64_t max, struct sp_err *err)
{
	struct sp_sqlite_conn *c = sp_sqlite_pool_take(&s->pool, err);
	struct sp_id id;
	int found = -1;

	if (!c) return -1;
	sqlite3_stmt *st = sp_sqlite_stmt(c, SP_SQL_USER_BURIED, err);
	if (st && (found = sp_sqlite_step(c, st, "look for deleted users", err)) >= 0) {
		if (found) (void)sp_sqlite_column_id(st, 0, &id);
		sqlite3_reset(st);
	}
	sp_sqlite_pool_give(&s->pool, c);
	if (found <= 0) return found;
	return sp_sqlite_clear_buried(s, &id, max, err);
}

/* Free pages are used again by what comes; only what is more than a share of the database goes back to the file system, a few pages a transaction. */
#define VACUUM_KEEP_PAGES 1024
#define VACUUM_TIMES 8

struct vacuum_job {
	struct sp_sqlite_job job;
	bool more;
};

static int do_vacuum(struct sp_sqlite *s, struct sp_sqlite_conn *c, struct sp_sqlite_job *job, struct sp_err *err)
{
	sqlite3_stmt *st = sp_sqlite_stmt(c, SP_SQL_FREE_PAGES, err);

	if (!st || sp_sqlite_step(c, st, "count free pages", err) < 0) return -1;
	int64_t unused = sqlite3_column_int64(st, 0), all = sqlite3_column_int64(st, 1);
	sqlite3_reset(st);
	if (unused <= VACUUM_KEEP_PAGES + all / 8) return 0;
	((struct vacuum_job *)job)->more = true;
	/* Not a kept statement: each step of it frees one page. */
	int rc = sqlite3_exec(c->db, "PRAGMA incremental_vacuum(128)", NULL, NULL, NULL);
	return rc == SQLITE_OK ? 0 : sp_sqlite_fail(err, c->db, rc, "give back free pages");
}

static int give_space_back(struct sp_sqlite *s, struct sp_err *err)
{
	for (int i = 0; i < VACUUM_TIMES; i++) {
		struct vacuum_job j = {.job = {.run = do_vacuum}};
		if (sp_sqlite_submit(s, &j.job, err) != 0) return -1;
		if (!j.more) break;
	}
	return 0;
}

static int sqlite_expire(struct sp_store *store, const struct sp_retention *in, struct sp_expired *out, struct sp_err *err)
{
	struct sp_sqlite *s = (struct sp_sqlite *)store;
	/* The clock that does not jump: a clock that is set wrongly must not make us forget everything. */
	int64_t now = sp_sqlite_now(s), rows = now - in->rows_ms, data = now - in->data_ms;

	if ((out->leftovers = clear_leftovers(s, in->max, err)) < 0) return -1;
	if ((out->rows = sp_sqlite_delete_found(s, SP_SQL_DUE_ROWS, bind_cutoff, &rows, in->max, err)) < 0) return -1;
	if ((out->data = sp_sqlite_delete_found(s, SP_SQL_DUE_DATA, bind_cutoff, &data, in->max, err)) < 0) return -1;
	out->idempotency_keys = delete_simple(s, SP_SQL_DELETE_IDEMPOTENCY, now - in->idempotency_ms, in->max, err);
	if (out->idempotency_keys < 0) return -1;
	if ((out->keys = delete_simple(s, SP_SQL_DELETE_REVOKED, rows, in->max, err)) < 0) return -1;
	out->more = out->leftovers == in->max || out->rows == in->max || out->data == in->max || out->idempotency_keys == in->max ||
	            out->keys == in->max;
	return give_space_back(s, err);
}

/* statistics */

static int read_statistics(struct sp_sqlite_conn *c, struct sp_statistics *out, struct sp_err *err)
{
	sqlite3_stmt *st = sp_sqlite_stmt(c, SP_SQL_STATISTICS, err);
	int64_t now = sp_wall_ms();
	struct sp_id oldest;
	int found;

	if (!st) return -1;
	while ((found = sp_sqlite_step(c, st, "count", err)) > 0) {
		int class_ = sqlite3_column_int(st, 0);
		int64_t n = sqlite3_column_int64(st, 1);
		if (class_ < 0) out->running = n;
		if (class_ < 0 || class_ >= SP_CLASSES || !sp_sqlite_column_id(st, 2, &oldest)) continue;
		int64_t age = now - sp_id_ms(&oldest);
		out->waiting[class_] = n;
		out->oldest_waiting_ms[class_] = age > 0 ? age : 0;
	}
	if (found < 0) return -1;
	sqlite3_reset(st);
	return 0;
}

static int sqlite_statistics(struct sp_store *store, struct sp_statistics *out, struct sp_err *err)
{
	struct sp_sqlite *s = (struct sp_sqlite *)store;
	struct sp_sqlite_conn *c = sp_sqlite_pool_take(&s->pool, err);

	if (!c) return -1;
	int rc = read_statistics(c, out, err);
	sp_sqlite_pool_give(&s->pool, c);
	return rc;
}

const struct sp_store_history_ops sp_sqlite_history = {
        .list = sqlite_list, .erase = sqlite_erase, .expire = sqlite_expire, .statistics = sqlite_statistics};
