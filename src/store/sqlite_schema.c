/* SPDX-License-Identifier: MIT */
/* The runner of numbered migrations. */
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/migration.h"
#include "store/sqlite_internal.h"

/* "SRPS": tells file(1), and us, whose database it is. */
#define APPLICATION_ID 1397903443

/* First column of the first row as a number. */
static int one_number(sqlite3 *db, const char *sql, int64_t *out, struct sp_err *err)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(db, sql, -1, &st, NULL);

	if (rc == SQLITE_OK) rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		*out = sqlite3_column_int64(st, 0);
	else
		sp_sqlite_fail(err, db, rc, "read the schema");
	sqlite3_finalize(st);
	return rc == SQLITE_ROW ? 0 : -1;
}

static int run_sql(sqlite3 *db, const char *sql, const char *what, struct sp_err *err)
{
	int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : sp_sqlite_fail(err, db, rc, what);
}

static int current_version(sqlite3 *db, int64_t *version, struct sp_err *err)
{
	int64_t ours = 0, any = 0;

	if (one_number(db, "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'schema_migrations'", &ours, err) != 0)
		return -1;
	if (ours) return one_number(db, "SELECT coalesce(max(version), 0) FROM schema_migrations", version, err);
	if (one_number(db, "SELECT count(*) FROM sqlite_schema", &any, err) != 0) return -1;
	if (any) return sp_fail(err, SP_E_INVALID, 0, "the file holds the database of another program");
	*version = 0;
	return 0;
}

static int apply(sqlite3 *db, const struct sp_migration *m, struct sp_err *err)
{
	char record[256];

	if (run_sql(db, "BEGIN IMMEDIATE", "begin", err) != 0) return -1;
	snprintf(record, sizeof(record), "INSERT INTO schema_migrations (version, name, applied_at) VALUES (%d, '%s', %lld)", m->number,
	        m->name, (long long)sp_wall_ms());
	if (run_sql(db,
	            "CREATE TABLE IF NOT EXISTS schema_migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at INTEGER NOT "
	            "NULL) STRICT",
	            "schema_migrations", err) == 0 &&
	        run_sql(db, m->sql, m->name, err) == 0 && run_sql(db, record, "schema_migrations", err) == 0 &&
	        run_sql(db, "COMMIT", "commit", err) == 0)
		return 0;
	if (!sqlite3_get_autocommit(db)) sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return sp_wrap(err, "migration %04d_%s", m->number, m->name);
}

int sp_sqlite_check_owner(sqlite3 *db, struct sp_err *err)
{
	int64_t version;

	return current_version(db, &version, err);
}

static int newest_of(const struct sp_migration *list)
{
	int newest = 0;

	for (const struct sp_migration *m = list; m->number; m++) newest = m->number;
	return newest;
}

int sp_sqlite_check_schema(sqlite3 *db, const struct sp_migration *list, struct sp_err *err)
{
	int64_t version = 0;
	int newest = newest_of(list);

	if (current_version(db, &version, err) != 0) return -1;
	if (version == newest) return 0;
	return sp_fail(err, SP_E_UNSUPPORTED, 0,
	        "the process that has the database uses schema %lld, this program %d: use the same version, or end that process",
	        (long long)version, newest);
}

int sp_sqlite_migrate(sqlite3 *db, const struct sp_migration *list, struct sp_err *err)
{
	char id[64];
	int64_t version = 0;
	int newest = newest_of(list);

	if (current_version(db, &version, err) != 0) return -1;
	/* One newer is what an update leaves that was taken back: migrations only add (expand, then contract), so this program works on it. */
	if (version == newest + 1)
		sp_log_warn("store", "the database was used by a newer version", SP_I("schema", version), SP_I("known", newest));
	if (version > newest + 1)
		return sp_fail(err, SP_E_UNSUPPORTED, 0,
		        "the database has schema %lld, this program knows %d: it was used by a newer Serapis; start that one",
		        (long long)version, newest);
	if (version == 0) {
		snprintf(id, sizeof(id), "PRAGMA application_id=%d", APPLICATION_ID);
		if (run_sql(db, id, "application_id", err) != 0) return -1;
	}
	for (const struct sp_migration *m = list; m->number; m++) {
		if (m->number <= version) continue;
		if (apply(db, m, err) != 0) return -1;
		sp_log_info("store", "migrated", SP_I("schema", m->number), SP_S("name", m->name));
	}
	return 0;
}
