/* SPDX-License-Identifier: MIT */
/* The SQLite back-end: open and close. Theory of operation: sqlite_internal.h. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/driver.h"
#include "store/migration.h"
#include "store/sqlite_internal.h"

int64_t sp_sqlite_now(const struct sp_sqlite *s) { return s->epoch + sp_mono_ns() / SP_NS_PER_MS; }

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

	return sp_sqlite_submit((struct sp_sqlite *)s, &j.job, err);
}

/* Open and close */

static void sqlite_close(struct sp_store *store)
{
	struct sp_sqlite *s = (struct sp_sqlite *)store;

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
	if (sp_sqlite_run_write(c, st, "end leases", err) != 0) return -1;
	int ended = sqlite3_changes(c->db);
	if (ended) sp_log_info("store", "leases of an earlier process ended", SP_I("evaluations", ended));
	return 0;
}

int sp_sqlite_refuse_beside(const struct sp_sqlite *s, struct sp_err *err)
{
	return s->beside ? sp_fail(err, SP_E_CONFLICT, 0, "the database is in use by another process, which alone evaluates") : 0;
}

static const struct sp_store_ops sqlite_ops = {
        .name = "sqlite",
        .create = sp_sqlite_create,
        .claim = sp_sqlite_claim,
        .release = sp_sqlite_release,
        .finish = sp_sqlite_finish,
        .renew = sp_sqlite_renew,
        .get = sp_sqlite_get,
        .scan = sp_sqlite_scan,
        .sweep = sp_sqlite_sweep,
        .cancel = sp_sqlite_cancel,
        .close = sqlite_close,
};

/* The database is this process's alone, or (beside) another one has it in use: then it is taken as it is. */
static int prepare(struct sp_sqlite *s, struct sp_err *err)
{
	sqlite3 *db = s->writer.conn->db;

	if (s->beside) return sp_sqlite_check_schema(db, sp_migrations_sqlite, err);
	if (sp_sqlite_migrate(db, sp_migrations_sqlite, err) != 0) return -1;
	return end_leases(s, err);
}

static struct sp_store *sqlite_open(const char *rest, bool *beside, struct sp_err *err)
{
	struct sp_sqlite *s = sp_new(struct sp_sqlite);
	struct sp_err why;

	s->super = (struct sp_store){.ops = &sqlite_ops, .accounts = &sp_sqlite_accounts, .history = &sp_sqlite_history};
	s->lock_fd = -1;
	s->epoch = sp_wall_ms() - sp_mono_ns() / SP_NS_PER_MS;
	bool memory = strcmp(rest, ":memory:") == 0;
	if (!memory && sp_sqlite_file_prepare(rest, beside != NULL, &s->path, &s->lock_fd, err) != 0) {
		free(s);
		return NULL;
	}
	s->beside = !memory && s->lock_fd < 0;
	sp_sqlite_pool_init(&s->pool, s->path, memory ? 1 : SP_SQLITE_READERS);
	if ((s->writer.conn = sp_sqlite_conn_open(s->path, SP_SQLITE_WRITER, &why)) && prepare(s, &why) == 0 &&
	        sp_sqlite_writer_start(s, &why) == 0) {
		if (beside) *beside = s->beside;
		return &s->super;
	}
	/* A disk that is away now is a reason to end, not to ask again: there is no store to ask. */
	sp_fail(err, why.code == SP_E_UNAVAILABLE ? SP_E_IO : why.code, 0, "store %s: %s", memory ? "in memory" : s->path, why.msg);
	sqlite_close(&s->super);
	return NULL;
}

const struct sp_store_driver sp_store_sqlite = {.scheme = "sqlite", .open = sqlite_open};
