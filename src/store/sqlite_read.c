/* SPDX-License-Identifier: MIT */
/* The SQLite back-end: reading evaluations, on the caller's thread. */
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "store/sqlite_internal.h"

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
	sp_sqlite_bind_id(st, 1, id);
	int rc = sqlite3_step(st);
	if (rc == SQLITE_ROW) {
		sp_sqlite_row(st, &out->row);
		if (with_data) read = load_data(st, &out->data, err);
		out->has_data = with_data && sqlite3_column_int(st, SP_SQL_ROW_COLUMNS + 4) != 0;
	} else if (rc == SQLITE_DONE) {
		read = sp_fail(err, SP_E_NOT_FOUND, 0, "no such evaluation");
	} else {
		read = sp_sqlite_fail(err, c->db, rc, "read the evaluation");
	}
	sqlite3_reset(st);
	return read;
}

int sp_sqlite_get(struct sp_store *store, const struct sp_id *id, bool with_data, struct sp_stored *out, struct sp_err *err)
{
	struct sp_sqlite *s = (struct sp_sqlite *)store;
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

static int scan_rows(struct sp_sqlite *s, struct sp_sqlite_conn *c, const struct sp_scan_request *in, struct sp_scan_item *items,
        size_t max, struct sp_err *err)
{
	static const enum sp_sql statements[] = {[SP_SCAN_WAITING] = SP_SQL_SCAN_WAITING,
	        [SP_SCAN_EXPIRED] = SP_SQL_SCAN_EXPIRED,
	        [SP_SCAN_KEYS] = SP_SQL_SCAN_KEYS,
	        [SP_SCAN_OF_KEY] = SP_SQL_SCAN_OF_KEY};
	sqlite3_stmt *st = sp_sqlite_stmt(c, statements[in->what], err);
	size_t n = 0;
	int found = 0;

	if (!st) return -1;
	/* Each has those of the numbers that it needs. */
	sqlite3_bind_int64(st, 2, (int64_t)max);
	if (in->what == SP_SCAN_WAITING || in->what == SP_SCAN_EXPIRED) sp_sqlite_bind_after(st, 1, in->after);
	if (in->what == SP_SCAN_EXPIRED) sqlite3_bind_int64(st, 3, sp_sqlite_now(s));
	if (in->what == SP_SCAN_WAITING) sqlite3_bind_int(st, 4, in->class_);
	if (in->what == SP_SCAN_OF_KEY) {
		sp_sqlite_bind_text(st, 5, in->key_id);
		sqlite3_bind_int(st, 6, in->max_running);
	}
	while (n < max && (found = sp_sqlite_step(c, st, "scan", err)) > 0) {
		if (!sp_sqlite_column_id(st, 0, &items[n].id)) continue;
		items[n].class_ = (enum sp_class)sqlite3_column_int(st, 1);
		n++;
	}
	if (found < 0) return -1;
	sqlite3_reset(st);
	return (int)n;
}

int sp_sqlite_scan(struct sp_store *store, const struct sp_scan_request *in, struct sp_scan_item *items, size_t max, struct sp_err *err)
{
	struct sp_sqlite *s = (struct sp_sqlite *)store;
	struct sp_sqlite_conn *c = sp_sqlite_pool_take(&s->pool, err);

	if (!c) return -1;
	int n = scan_rows(s, c, in, items, max, err);
	sp_sqlite_pool_give(&s->pool, c);
	return n;
}

static int sweep_rows(struct sp_sqlite_conn *c, const struct sp_id *ids, size_t n, bool *terminal, struct sp_err *err)
{
	/* One read transaction: one moment for all, and the log is looked up once instead of n times. */
	if (sp_sqlite_run(c, SP_SQL_READ, err) != 0) return -1;
	for (size_t i = 0; i < n; i++) {
		sqlite3_stmt *st = sp_sqlite_stmt(c, SP_SQL_STATUS, err);
		if (!st) return -1;
		sp_sqlite_bind_id(st, 1, &ids[i]);
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

int sp_sqlite_sweep(struct sp_store *store, const struct sp_id *ids, size_t n, bool *terminal, struct sp_err *err)
{
	struct sp_sqlite *s = (struct sp_sqlite *)store;

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
