/* SPDX-License-Identifier: MIT */
/* The statements of the SQLite back-end. Parameters are numbered; status numbers are those of store/record.h. */
#include "store/sqlite_internal.h"

#define SP_SQL_ROW \
	"id, status, class, language, verdict, stage, signal, exit_code, reference, claim_no, lost, cancel_requested, evaluator_id, " \
	"created_at, started_at, finished_at, lease_until"

static const char *const statements[SP_SQL_COUNT_] = {
        [SP_SQL_BEGIN] = "BEGIN IMMEDIATE",
        [SP_SQL_COMMIT] = "COMMIT",
        [SP_SQL_ROLLBACK] = "ROLLBACK",
        [SP_SQL_SAVEPOINT] = "SAVEPOINT job",
        [SP_SQL_SAVEPOINT_RELEASE] = "RELEASE job",
        [SP_SQL_SAVEPOINT_ROLLBACK] = "ROLLBACK TO job",
        [SP_SQL_READ] = "BEGIN",

        [SP_SQL_CREATE] = "INSERT INTO evaluations (id, status, class, language, reference, created_at) VALUES (?1, 0, ?2, ?3, ?4, ?5)",
        [SP_SQL_CREATE_DATA] = "INSERT INTO evaluation_data (id, request) VALUES (?1, ?2)",

        /* ?6 is the status that the row must have: a changed row then tells whether it was waiting, which RETURNING cannot (it sees the new values). */
        [SP_SQL_CLAIM] = "UPDATE evaluations SET status = 1, claim_no = claim_no + 1, lost = lost + (status = 1), evaluator_id = ?2, "
                         "lease_until = ?3, "
                         "started_at = coalesce(started_at, ?4) "
                         "WHERE id = ?1 AND status = ?6 AND (status = 0 OR (status = 1 AND lease_until <= ?5)) AND cancel_requested = 0 "
                         "AND lost + (status = 1) < ?7 RETURNING " SP_SQL_ROW,
        [SP_SQL_REQUEST] = "SELECT request FROM evaluation_data WHERE id = ?1",

        /* Ends a row that is not to run (again): canceled, or given up. The same WHERE as a claim, for the fence. */
        [SP_SQL_JUDGE] =
                "UPDATE evaluations SET status = ?2, verdict = ?3, lost = lost + (status = 1), finished_at = ?4, lease_until = NULL "
                "WHERE id = ?1 AND (status = 0 OR (status = 1 AND lease_until <= ?5)) RETURNING " SP_SQL_ROW,
        [SP_SQL_JUDGE_DATA] =
                "INSERT INTO evaluation_data (id, result) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET result = excluded.result",

        [SP_SQL_RELEASE] =
                "UPDATE evaluations SET status = 0, lease_until = NULL, evaluator_id = NULL WHERE id = ?1 AND claim_no = ?2 AND status = 1",
        [SP_SQL_FINISH] = "UPDATE evaluations SET status = ?3, verdict = ?4, stage = ?5, signal = ?6, exit_code = ?7, finished_at = ?8, "
                          "lease_until = NULL "
                          "WHERE id = ?1 AND claim_no = ?2 AND status = 1",
        /* Retention may have taken the data of a row that waited long: the result is kept all the same. */
        [SP_SQL_FINISH_DATA] =
                "INSERT INTO evaluation_data (id, result, output, segments, compile_output) VALUES (?1, ?2, ?3, ?4, ?5) "
                "ON CONFLICT (id) DO UPDATE SET result = excluded.result, output = excluded.output, segments = excluded.segments, "
                "compile_output = excluded.compile_output",
        [SP_SQL_RENEW] = "UPDATE evaluations SET lease_until = ?4 WHERE id = ?1 AND claim_no = ?2 AND evaluator_id = ?3 AND status = 1 "
                         "RETURNING cancel_requested",

        [SP_SQL_GET] = "SELECT " SP_SQL_ROW " FROM evaluations WHERE id = ?1",
        /* One statement, so that row and data are of one moment. */
        [SP_SQL_GET_DATA] = "SELECT e.*, d.result, d.output, d.segments, d.compile_output FROM (SELECT " SP_SQL_ROW
                            " FROM evaluations WHERE id = ?1) e "
                            "LEFT JOIN evaluation_data d ON d.id = e.id",
        [SP_SQL_STATUS] = "SELECT status FROM evaluations WHERE id = ?1",

        /* INDEXED BY: without statistics the planner may walk the table in key order instead, past all that ever ran. */
        [SP_SQL_SCAN_WAITING] =
                "SELECT id, class FROM evaluations INDEXED BY evaluations_waiting WHERE status = 0 AND id > ?1 ORDER BY id LIMIT ?2",
        [SP_SQL_SCAN_EXPIRED] =
                "SELECT id, class FROM evaluations INDEXED BY evaluations_evaluating WHERE status = 1 AND id > ?1 AND lease_until <= ?3 "
                "ORDER BY id LIMIT ?2",
        [SP_SQL_COUNT_WAITING] = "SELECT count(*) FROM evaluations INDEXED BY evaluations_waiting WHERE status = 0",
        [SP_SQL_END_LEASES] = "UPDATE evaluations INDEXED BY evaluations_evaluating SET lease_until = ?1 WHERE status = 1",
        [SP_SQL_PING] = "SELECT max(version) FROM schema_migrations",
};

const char *sp_sqlite_sql(enum sp_sql q)
{
	SP_BUG_ON((unsigned)q >= SP_SQL_COUNT_);
	return statements[q];
}
