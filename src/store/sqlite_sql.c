/* SPDX-License-Identifier: MIT */
/* The statements of the SQLite back-end. Parameters are numbered; status numbers are those of store/record.h. */
#include "store/sqlite_internal.h"

#define SP_SQL_ROW \
	"id, status, class, language, verdict, stage, signal, exit_code, reference, claim_no, lost, cancel_requested, evaluator_id, " \
	"created_at, started_at, finished_at, lease_until, user_id, key_id, max_running, max_runs, begun"

#define SP_SQL_USER_COLS "id, email, role, created_at"
#define SP_SQL_KEY_COLS "id, user_id, hash, name, rate_per_minute, max_waiting, max_running, created_at, revoked_at"

/* Bytes that deleting a row frees: what bounds the length of a transaction. length() does not read the values. */
#define SP_SQL_BYTES \
	"coalesce(length(d.request), 0) + coalesce(length(d.result), 0) + coalesce(length(d.output), 0) + coalesce(length(d.segments), " \
	"0) + " \
	"coalesce(length(d.compile_output), 0)"

static const char *const statements[SP_SQL_COUNT_] = {
        [SP_SQL_BEGIN] = "BEGIN IMMEDIATE",
        [SP_SQL_COMMIT] = "COMMIT",
        [SP_SQL_ROLLBACK] = "ROLLBACK",
        [SP_SQL_SAVEPOINT] = "SAVEPOINT job",
        [SP_SQL_SAVEPOINT_RELEASE] = "RELEASE job",
        [SP_SQL_SAVEPOINT_ROLLBACK] = "ROLLBACK TO job",
        [SP_SQL_READ] = "BEGIN",
        [SP_SQL_DATA_VERSION] = "PRAGMA data_version",

        [SP_SQL_CREATE] =
                "INSERT INTO evaluations (id, status, class, language, reference, created_at, user_id, key_id, max_running, max_runs) "
                "VALUES (?1, 0, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        [SP_SQL_CREATE_DATA] = "INSERT INTO evaluation_data (id, request) VALUES (?1, ?2)",

        [SP_SQL_USER_EXISTS] = "SELECT 1 FROM users WHERE id = ?1 AND deleted_at IS NULL",
        [SP_SQL_COUNT_KEY_WAITING] = "SELECT count(*) FROM evaluations INDEXED BY evaluations_key_waiting WHERE key_id = ?1 AND status = 0",
        [SP_SQL_IDEMPOTENCY] = "SELECT body_hash, evaluation_id FROM idempotency_keys WHERE scope = ?1 AND key = ?2 AND created_at > ?3",
        /* Replaces one that is over. */
        [SP_SQL_IDEMPOTENCY_PUT] =
                "INSERT INTO idempotency_keys (scope, key, body_hash, evaluation_id, created_at) VALUES (?1, ?2, ?3, ?4, ?5) "
                "ON CONFLICT (scope, key) DO UPDATE SET body_hash = excluded.body_hash, evaluation_id = excluded.evaluation_id, "
                "created_at = excluded.created_at",

        /* ?6 is the status that the row must have: a changed row then tells whether it was waiting, which RETURNING cannot (it sees the new values). */
        [SP_SQL_CLAIM] = "UPDATE evaluations SET status = 1, claim_no = claim_no + 1, lost = lost + (status = 1), evaluator_id = ?2, "
                         "lease_until = ?3, "
                         "started_at = coalesce(started_at, ?4) "
                         "WHERE id = ?1 AND status = ?6 AND (status = 0 OR (status = 1 AND lease_until <= ?5)) AND cancel_requested = 0 "
                         "AND lost + (status = 1) < ?7 AND (max_runs = 0 OR lost + begun + (status = 1) < max_runs) "
                         /* One that is claimed again is among those that run. */
                         "AND (max_running = 0 OR status = 1 OR (SELECT count(*) FROM evaluations r INDEXED BY evaluations_key_running "
                         "WHERE r.key_id = evaluations.key_id AND r.status = 1) < max_running) RETURNING " SP_SQL_ROW,
        [SP_SQL_REQUEST] = "SELECT request FROM evaluation_data WHERE id = ?1",

        /* Ends a row that is not to run (again): canceled, or given up. The same WHERE as a claim, for the fence. */
        [SP_SQL_JUDGE] =
                "UPDATE evaluations SET status = ?2, verdict = ?3, lost = lost + (status = 1), finished_at = ?4, lease_until = NULL, "
                "cancel_requested = max(cancel_requested, ?2 = 5) "
                "WHERE id = ?1 AND (status = 0 OR (status = 1 AND lease_until <= ?5)) RETURNING " SP_SQL_ROW,
        [SP_SQL_JUDGE_DATA] =
                "INSERT INTO evaluation_data (id, result) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET result = excluded.result",

        [SP_SQL_RELEASE] = "UPDATE evaluations SET status = 0, lease_until = NULL, evaluator_id = NULL, begun = begun + ?3 "
                           "WHERE id = ?1 AND claim_no = ?2 AND status = 1 RETURNING " SP_SQL_ROW,
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
        [SP_SQL_CANCEL_RUNNING] = "UPDATE evaluations SET cancel_requested = 1 WHERE id = ?1 AND status = 1 RETURNING " SP_SQL_ROW,

        [SP_SQL_GET] = "SELECT " SP_SQL_ROW " FROM evaluations WHERE id = ?1",
        /* One statement, so that row and data are of one moment. */
        [SP_SQL_GET_DATA] = "SELECT e.*, d.result, d.output, d.segments, d.compile_output, d.id IS NOT NULL FROM (SELECT " SP_SQL_ROW
                            " FROM evaluations WHERE id = ?1) e "
                            "LEFT JOIN evaluation_data d ON d.id = e.id",
        [SP_SQL_STATUS] = "SELECT status FROM evaluations WHERE id = ?1",

        /* INDEXED BY: without statistics the planner may walk the table in key order instead, past all that ever ran. */
        /* Twice the table: the index alone leads past those of the other class, the row is read only for those of this one. */
        [SP_SQL_SCAN_WAITING] =
                "SELECT w.id, w.class FROM evaluations w INDEXED BY evaluations_waiting CROSS JOIN evaluations e ON e.id = w.id "
                "WHERE w.status = 0 AND w.id > ?1 AND w.class = ?4 AND (e.max_running = 0 OR (SELECT count(*) FROM evaluations r INDEXED "
                "BY "
                "evaluations_key_running WHERE r.key_id = e.key_id AND r.status = 1) < e.max_running) ORDER BY w.id LIMIT ?2",
        /* From key to key along the index, so that the cost is by keys and not by what waits. */
        [SP_SQL_SCAN_KEYS] =
                "WITH RECURSIVE k (key_id) AS (SELECT min(key_id) FROM evaluations INDEXED BY evaluations_key_waiting WHERE status = 0 AND "
                "key_id IS NOT NULL UNION ALL SELECT (SELECT min(key_id) FROM evaluations INDEXED BY evaluations_key_waiting WHERE status "
                "= 0 "
                "AND key_id > k.key_id) FROM k WHERE k.key_id IS NOT NULL) "
                "SELECT e.id, e.class FROM k CROSS JOIN evaluations e ON e.id = (SELECT id FROM evaluations INDEXED BY "
                "evaluations_key_waiting WHERE key_id = k.key_id AND status = 0 ORDER BY class, id LIMIT 1) "
                "WHERE e.max_running > 0 AND (SELECT count(*) FROM evaluations INDEXED BY evaluations_key_running WHERE key_id = k.key_id "
                "AND "
                "status = 1) < e.max_running LIMIT ?2",
        [SP_SQL_SCAN_OF_KEY] = "SELECT id, class FROM evaluations INDEXED BY evaluations_key_waiting WHERE key_id = ?5 AND status = 0 "
                               "ORDER BY class, id LIMIT max(0, min(?2, ?6 - (SELECT count(*) FROM evaluations INDEXED BY "
                               "evaluations_key_running WHERE key_id = ?5 AND status = 1)))",
        [SP_SQL_SCAN_EXPIRED] =
                "SELECT id, class FROM evaluations INDEXED BY evaluations_evaluating WHERE status = 1 AND id > ?1 AND lease_until <= ?3 "
                "ORDER BY id LIMIT ?2",
        [SP_SQL_COUNT_WAITING] = "SELECT count(*) FROM evaluations INDEXED BY evaluations_waiting WHERE status = 0",
        [SP_SQL_END_LEASES] = "UPDATE evaluations INDEXED BY evaluations_evaluating SET lease_until = ?1 WHERE status = 1",

        [SP_SQL_USER_ADD] = "INSERT INTO users (id, email, role, created_at) VALUES (?1, ?2, ?3, ?4)",
        [SP_SQL_USER_BY_ID] = "SELECT " SP_SQL_USER_COLS " FROM users WHERE id = ?1 AND deleted_at IS NULL",
        [SP_SQL_USER_BY_EMAIL] = "SELECT " SP_SQL_USER_COLS " FROM users WHERE email = ?1",
        [SP_SQL_USER_LIST] = "SELECT " SP_SQL_USER_COLS " FROM users WHERE id < ?1 AND deleted_at IS NULL ORDER BY id DESC LIMIT ?2",
        [SP_SQL_USER_BURY] = "UPDATE users SET email = NULL, deleted_at = ?2 WHERE id = ?1 AND deleted_at IS NULL",
        [SP_SQL_USER_BURIED] = "SELECT id FROM users INDEXED BY users_deleted WHERE deleted_at IS NOT NULL LIMIT 1",
        [SP_SQL_USER_REMOVE] = "DELETE FROM users WHERE id = ?1 AND deleted_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM evaluations "
                               "INDEXED BY evaluations_user WHERE user_id = ?1)",
        [SP_SQL_ADMIN_EXISTS] = "SELECT 1 FROM users INDEXED BY users_admins WHERE role = 1 AND deleted_at IS NULL LIMIT 1",

        [SP_SQL_KEY_ADD] = "INSERT INTO api_keys (" SP_SQL_KEY_COLS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, NULL)",
        [SP_SQL_KEY_COUNT] = "SELECT count(*) FROM api_keys INDEXED BY api_keys_user WHERE user_id = ?1 AND (revoked_at IS NOT NULL) = 0",
        [SP_SQL_KEY_GET] = "SELECT k.*, u.* FROM (SELECT " SP_SQL_KEY_COLS " FROM api_keys WHERE id = ?1) k "
                           "JOIN (SELECT " SP_SQL_USER_COLS ", deleted_at FROM users) u ON u.id = k.user_id WHERE u.deleted_at IS NULL",
        [SP_SQL_KEY_LIST] = "SELECT " SP_SQL_KEY_COLS " FROM api_keys INDEXED BY api_keys_user WHERE user_id = ?1 "
                            "ORDER BY revoked_at IS NOT NULL, created_at DESC LIMIT ?2",
        [SP_SQL_KEY_REVOKE] = "UPDATE api_keys SET revoked_at = coalesce(revoked_at, ?3) WHERE id = ?1 AND (?2 IS NULL OR user_id = ?2) "
                              "RETURNING " SP_SQL_KEY_COLS,
        [SP_SQL_KEYS_DELETE] = "DELETE FROM api_keys WHERE user_id = ?1",

        /* Newest first, by the index that fits. What else is asked for is looked at row by row (sqlite_history.c). */
        [SP_SQL_LIST_ALL] = "SELECT " SP_SQL_ROW " FROM evaluations WHERE id < ?1 AND id >= ?2 ORDER BY id DESC LIMIT ?3",
        [SP_SQL_LIST_USER] =
                "SELECT " SP_SQL_ROW " FROM evaluations INDEXED BY evaluations_user WHERE user_id = ?4 AND id < ?1 AND id >= ?2 "
                "ORDER BY id DESC LIMIT ?3",
        [SP_SQL_LIST_REFERENCE] =
                "SELECT " SP_SQL_ROW " FROM evaluations INDEXED BY evaluations_reference WHERE reference = ?5 AND id < ?1 "
                "AND id >= ?2 ORDER BY id DESC LIMIT ?3",
        [SP_SQL_LIST_USER_REFERENCE] = "SELECT " SP_SQL_ROW " FROM evaluations INDEXED BY evaluations_user_reference WHERE user_id = ?4 "
                                       "AND reference = ?5 AND id < ?1 AND id >= ?2 ORDER BY id DESC LIMIT ?3",

        /* Data and idempotency key go with it. */
        [SP_SQL_ERASE] = "DELETE FROM evaluations WHERE id = ?1 RETURNING " SP_SQL_ROW,
        [SP_SQL_DUE_ROWS] = "SELECT e.id, " SP_SQL_BYTES " FROM evaluations e LEFT JOIN evaluation_data d ON d.id = e.id "
                            "WHERE e.id < ?1 AND e.status > 1 AND e.finished_at <= ?3 ORDER BY e.id LIMIT ?2",
        /* CROSS JOIN: in this order. Most rows that are old enough have no data any more. */
        [SP_SQL_DUE_DATA] = "SELECT d.id, " SP_SQL_BYTES " FROM evaluation_data d CROSS JOIN evaluations e ON e.id = d.id "
                            "WHERE d.id < ?1 AND e.status > 1 AND e.finished_at <= ?3 ORDER BY d.id LIMIT ?2",
        [SP_SQL_OF_USER] = "SELECT e.id, " SP_SQL_BYTES " FROM evaluations e INDEXED BY evaluations_user LEFT JOIN evaluation_data d "
                           "ON d.id = e.id WHERE e.user_id = ?1 LIMIT ?2",
        [SP_SQL_DELETE_DATA] = "DELETE FROM evaluation_data WHERE id = ?1 AND EXISTS (SELECT 1 FROM evaluations e WHERE e.id = ?1 AND "
                               "e.status > 1)",
        [SP_SQL_DELETE_IDEMPOTENCY] =
                "DELETE FROM idempotency_keys WHERE (scope, key) IN (SELECT scope, key FROM idempotency_keys INDEXED BY "
                "idempotency_keys_created WHERE created_at <= ?1 ORDER BY created_at LIMIT ?2)",
        [SP_SQL_DELETE_REVOKED] = "DELETE FROM api_keys WHERE id IN (SELECT id FROM api_keys INDEXED BY api_keys_revoked WHERE revoked_at "
                                  "<= ?1 ORDER BY revoked_at LIMIT ?2)",
        [SP_SQL_FREE_PAGES] = "SELECT freelist_count, page_count FROM pragma_freelist_count, pragma_page_count",
        /* One row a class that waits, one more (class -1) for what runs. min(id): the bare columns beside it are those of its row. */
        [SP_SQL_STATISTICS] =
                "SELECT class, count(*), min(id) FROM evaluations INDEXED BY evaluations_waiting WHERE status = 0 GROUP BY class "
                "UNION ALL SELECT -1, count(*), NULL FROM evaluations INDEXED BY evaluations_evaluating WHERE status = 1",

        [SP_SQL_PING] = "SELECT max(version) FROM schema_migrations",
};

const char *sp_sqlite_sql(enum sp_sql q)
{
	SP_BUG_ON((unsigned)q >= SP_SQL_COUNT_);
	return statements[q];
}
