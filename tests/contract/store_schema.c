/* SPDX-License-Identifier: MIT */
/* Schema of the SQLite back-end: migrations from every released version, and the plans of all statements that are run often. */
#include "store_support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/migration.h"
#include "store/sqlite_internal.h"

static int setup(void **state)
{
	test_db_remove();
	return 0;
}

static int teardown(void **state) { return 0; }

static int newest(void)
{
	int n = 0;

	for (const struct sp_migration *m = sp_migrations_sqlite; m->number; m++) n = m->number;
	return n;
}

/* A database of another origin in the place of ours. */
static void make_db(const char *sql)
{
	sqlite3 *db = NULL;
	char dir[200], *text = NULL;

	snprintf(dir, sizeof(dir), "%s/db", test_dir());
	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(sqlite3_open_v2(test_db(), &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, &text) != SQLITE_OK) fail_msg("%s", text);
	sqlite3_close(db);
}

static void migrates_an_empty_file(void **state)
{
	make_db("");
	assert_int_equal(truncate(test_db(), 0), 0);
	struct sp_store *s = open_db();
	must_create(s, "x");
	sp_store_close(s);
	assert_int_equal(number("SELECT max(version) FROM schema_migrations"), newest());
	assert_int_equal(number("SELECT name = 'evaluations' AND applied_at > 0 FROM schema_migrations WHERE version = 1"), 1);
	int64_t applied = number("SELECT sum(applied_at) FROM schema_migrations");
	s = open_db(); /* once only */
	sp_store_close(s);
	assert_int_equal(number("SELECT count(*) FROM schema_migrations"), newest());
	assert_int_equal(number("SELECT sum(applied_at) FROM schema_migrations"), applied);
}

static void refuses_a_newer_schema(void **state)
{
	struct sp_store *s = open_db();
	struct sp_err err = {0};

	must_create(s, "x");
	assert_int_equal(sp_sqlite_exec(s, "INSERT INTO schema_migrations (version, name, applied_at) VALUES (9, 'later', 1)", &err), 0);
	sp_store_close(s);
	assert_null(sp_store_open(test_url(), &err));
	char want[64];
	snprintf(want, sizeof(want), "the database has schema 9, this program knows %d", newest());
	assert_err(&err, SP_E_UNSUPPORTED, want);
	/* Refused means untouched, and the lock given back. */
	assert_int_equal(number("SELECT count(*) FROM evaluations"), 1);
	assert_int_equal(number("SELECT count(*) FROM schema_migrations"), newest() + 1);
	assert_null(sp_store_open(test_url(), &err));
	assert_err(&err, SP_E_UNSUPPORTED, "schema 9");
}

static void refuses_what_is_not_ours(void **state)
{
	struct sp_err err = {0};

	make_db("CREATE TABLE letters (text)");
	assert_null(sp_store_open(test_url(), &err));
	assert_err(&err, SP_E_INVALID, "the database of another program");
	assert_int_equal(number("SELECT count(*) FROM sqlite_schema"), 1);
	assert_int_equal(number("PRAGMA application_id"), 0);
	/* Not even its journal, which other programs with the file depend on: 1 is a rollback journal, 2 a write-ahead log. */
	unsigned char head[20] = {0};
	FILE *db = fopen(test_db(), "r");
	assert_non_null(db);
	assert_int_equal(fread(head, 1, sizeof(head), db), sizeof(head));
	fclose(db);
	assert_int_equal(head[18], 1);
	assert_int_equal(head[19], 1);

	FILE *f = fopen(test_db(), "w");
	assert_non_null(f);
	for (int i = 0; i < 2000; i++) fputs("not a database\n", f);
	fclose(f);
	assert_null(sp_store_open(test_url(), &err));
	assert_err(&err, SP_E_IO, "file is not a database");
}

static void a_failing_migration_leaves_nothing(void **state)
{
	const struct sp_migration good[] = {{1, "one", "CREATE TABLE one (a);"}, {0, NULL, NULL}};
	const struct sp_migration bad[] = {{1, "one", "CREATE TABLE one (a);"},
	        {2, "two", "CREATE TABLE two (a); INSERT INTO two VALUES (1); INSERT INTO nowhere VALUES (1);"}, {0, NULL, NULL}};
	const struct sp_migration mended[] = {{1, "one", "CREATE TABLE one (a);"},
	        {2, "two", "CREATE TABLE two (a); INSERT INTO two VALUES (1);"}, {3, "three", "DROP TABLE one;"}, {0, NULL, NULL}};
	struct sp_err err = {0};
	sqlite3 *db = NULL;

	make_db("");
	assert_int_equal(sqlite3_open_v2(test_db(), &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	assert_int_equal(sp_sqlite_migrate(db, good, &err), 0);
	assert_int_equal(sp_sqlite_migrate(db, bad, &err), -1);
	assert_err(&err, SP_E_INTERNAL, "migration 0002_two: two: no such table: nowhere");
	assert_int_equal(number("SELECT count(*) FROM sqlite_schema WHERE name IN ('one', 'two')"), 1);
	assert_int_equal(number("SELECT max(version) FROM schema_migrations"), 1);
	assert_int_equal(sp_sqlite_migrate(db, mended, &err), 0);
	assert_int_equal(number("SELECT max(version) FROM schema_migrations"), 3);
	assert_int_equal(number("SELECT count(*) FROM sqlite_schema WHERE name IN ('one', 'two')"), 1);
	sqlite3_close(db);
}

/* What an update leaves that was taken back: only additions, so this program works on it. */
static void works_on_the_next_schema(void **state)
{
	struct sp_store *s = open_db();
	struct sp_id id = must_create(s, "x");
	char sql[300];
	struct sp_err err = {0};

	snprintf(sql, sizeof(sql),
	        "ALTER TABLE evaluations ADD COLUMN later TEXT; INSERT INTO schema_migrations (version, name, applied_at) VALUES (%d, "
	        "'later', 1)",
	        newest() + 1);
	assert_int_equal(sp_sqlite_exec(s, sql, &err), 0);
	sp_store_close(s);
	s = open_db();
	assert_int_equal(must_claim(s, &id, LONG_LEASE_MS, NULL), SP_CLAIM_MINE);
	assert_true(must_finish(s, &id, 1, "output"));
	must_create(s, "y");
	sp_store_close(s);
	assert_int_equal(number("SELECT max(version) FROM schema_migrations"), newest() + 1);
	assert_sound();
}

/* The statements of version 1's program, as it ran them. Ids are 16 bytes of text here. */
#define V1_CREATE(id) \
	"INSERT INTO evaluations (id, status, class, language, reference, created_at) VALUES (CAST('" id \
	"' AS BLOB), 0, 1, 'node', 'hw1', 1700000000000);" \
	"INSERT INTO evaluation_data (id, request) VALUES (CAST('" id "' AS BLOB), CAST('request' AS BLOB));"
#define V1_CLAIM(id) \
	"UPDATE evaluations SET status = 1, claim_no = claim_no + 1, lost = lost + (status = 1), evaluator_id = 'old', lease_until = " \
	"9000000000000, " \
	"started_at = coalesce(started_at, 1700000000001) WHERE id = CAST('" id "' AS BLOB) AND status = 0 AND cancel_requested = 0;"
#define V1_FINISH(id) \
	"UPDATE evaluations SET status = 2, verdict = 'ok', stage = 'run', exit_code = 0, finished_at = 1700000000002, lease_until = " \
	"NULL " \
	"WHERE id = CAST('" id "' AS BLOB) AND claim_no = 1 AND status = 1;" \
	"INSERT INTO evaluation_data (id, result, output) VALUES (CAST('" id "' AS BLOB), CAST('{}' AS BLOB), CAST('output' AS BLOB)) " \
	"ON CONFLICT (id) DO UPDATE SET result = excluded.result, output = excluded.output;"

static struct sp_id id_of(const char *text)
{
	struct sp_id id;

	memcpy(id.b, text, sizeof(id.b));
	return id;
}

/* A database as version 1 made it, with a row in each state. */
static void from_schema_1(void **state)
{
	const struct sp_migration old[] = {sp_migrations_sqlite[0], {0, NULL, NULL}};
	const struct sp_id waits = id_of("0000000000000001"), runs = id_of("0000000000000002"), ended = id_of("0000000000000003");
	struct sp_evaluation items[8];
	struct sp_err err = {0};
	struct sp_stored st;
	sqlite3 *db = NULL;

	make_db("");
	assert_int_equal(sqlite3_open_v2(test_db(), &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sp_sqlite_migrate(db, old, &err), 0);
	assert_int_equal(sqlite3_exec(db,
	                         V1_CREATE("0000000000000001") V1_CREATE("0000000000000002") V1_CREATE("0000000000000003")
	                                 V1_CLAIM("0000000000000002") V1_CLAIM("0000000000000003") V1_FINISH("0000000000000003"),
	                         NULL, NULL, NULL),
	        SQLITE_OK);
	sqlite3_close(db);

	struct sp_store *s = open_db();
	must_get(s, &ended, true, &st);
	assert_int_equal(st.row.status, SP_STATUS_FINISHED);
	assert_string_equal(st.row.reference, "hw1");
	assert_false(st.row.has_user);
	assert_int_equal(st.row.max_running + st.row.max_runs + st.row.begun, 0);
	assert_bytes(&st.data.output, "output");
	sp_stored_fini(&st);
	assert_int_equal(must_claim(s, &runs, LONG_LEASE_MS, &st), SP_CLAIM_MINE);
	assert_int_equal(st.row.lost, 1);
	assert_bytes(&st.data.request, "request");
	sp_stored_fini(&st);
	assert_int_equal(must_claim(s, &waits, LONG_LEASE_MS, NULL), SP_CLAIM_MINE);
	assert_true(must_finish(s, &waits, 1, "output"));
	struct sp_list_request list = {.limit = 8, .reference = "hw1"};
	struct sp_list_page page = {.items = items};
	assert_int_equal(sp_store_list(s, &list, &page, &err), 0);
	assert_int_equal(page.n, 3);
	/* And what is new works on it. */
	struct sp_user u = must_user(s, "a@example.org");
	struct sp_key k = must_key(s, &u);
	struct sp_new_evaluation in = new_of(&u, &k);
	must_create_as(s, &in);
	struct sp_evaluation row;
	assert_int_equal(sp_store_erase(s, &ended, &row, &err), 0);
	sp_store_close(s);
	assert_int_equal(number("SELECT count(*) FROM evaluation_data"), 3);
	assert_sound();
}

static void schema_1_works_on_this_one(void **state)
{
	struct sp_store *s = open_db();
	struct sp_id id = id_of("0000000000000001");
	struct sp_err err = {0};

	assert_int_equal(
	        sp_sqlite_exec(s, V1_CREATE("0000000000000001") V1_CLAIM("0000000000000001") V1_FINISH("0000000000000001"), &err), 0);
	assert_int_equal(sp_sqlite_exec(s,
	                         "SELECT id, class FROM evaluations INDEXED BY evaluations_waiting WHERE status = 0;"
	                         "SELECT id, class FROM evaluations INDEXED BY evaluations_evaluating WHERE status = 1",
	                         &err),
	        0);
	assert_int_equal(must_row(s, &id).status, SP_STATUS_FINISHED);
	sp_store_close(s);
}

/* ---- plans ---- */

static void plan_of(sqlite3 *db, enum sp_sql q, char *out, size_t size)
{
	sqlite3_stmt *st = NULL;
	char sql[2400];
	size_t n = 0;

	assert_in_range(snprintf(sql, sizeof(sql), "EXPLAIN QUERY PLAN %s", sp_sqlite_sql(q)), 1, sizeof(sql) - 1);
	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK) fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	while (sqlite3_step(st) == SQLITE_ROW) n += (size_t)snprintf(out + n, size - n, "%s\n", (const char *)sqlite3_column_text(st, 3));
	out[n] = '\0';
	sqlite3_finalize(st);
}

static void hot_statements_use_indexes(void **state)
{
#define BY_ID "SEARCH evaluations USING PRIMARY KEY (id=?)"
#define RUNNING "USING COVERING INDEX evaluations_key_running (key_id=? AND status=?)"
	static const struct {
		enum sp_sql q;
		const char *uses;
	} want[] = {
	        {SP_SQL_CLAIM, BY_ID},
	        {SP_SQL_CLAIM, "SEARCH r " RUNNING},
	        {SP_SQL_JUDGE, BY_ID},
	        {SP_SQL_RELEASE, BY_ID},
	        {SP_SQL_FINISH, BY_ID},
	        {SP_SQL_RENEW, BY_ID},
	        {SP_SQL_CANCEL_RUNNING, BY_ID},
	        {SP_SQL_ERASE, BY_ID},
	        {SP_SQL_GET, BY_ID},
	        {SP_SQL_GET_DATA, BY_ID},
	        {SP_SQL_GET_DATA, "SEARCH d USING INDEX sqlite_autoindex_evaluation_data_1 (id=?)"},
	        {SP_SQL_STATUS, BY_ID},
	        {SP_SQL_REQUEST, "SEARCH evaluation_data USING INDEX sqlite_autoindex_evaluation_data_1 (id=?)"},
	        {SP_SQL_SCAN_WAITING, "SEARCH w USING COVERING INDEX evaluations_waiting (status=? AND id>?)"},
	        {SP_SQL_SCAN_WAITING, "SEARCH e USING PRIMARY KEY (id=?)"},
	        {SP_SQL_SCAN_WAITING, "SEARCH r " RUNNING},
	        {SP_SQL_SCAN_EXPIRED, "SEARCH evaluations USING INDEX evaluations_evaluating (id>?)"},
	        {SP_SQL_SCAN_OF_KEY, "SEARCH evaluations USING COVERING INDEX evaluations_key_waiting (key_id=? AND status=?)"},
	        {SP_SQL_SCAN_OF_KEY, "SEARCH evaluations " RUNNING},
	        {SP_SQL_SCAN_KEYS, "SEARCH e USING PRIMARY KEY (id=?)"},
	        {SP_SQL_SCAN_KEYS, "SEARCH evaluations USING COVERING INDEX evaluations_key_waiting (key_id>?)"},
	        {SP_SQL_SCAN_KEYS, "SEARCH evaluations " RUNNING},
	        {SP_SQL_COUNT_WAITING, "SEARCH evaluations USING COVERING INDEX evaluations_waiting (status=?)"},
	        {SP_SQL_COUNT_KEY_WAITING, "SEARCH evaluations USING COVERING INDEX evaluations_key_waiting (key_id=? AND status=?)"},
	        {SP_SQL_END_LEASES, "SCAN evaluations USING INDEX evaluations_evaluating"},
	        {SP_SQL_USER_EXISTS, "SEARCH users USING PRIMARY KEY (id=?)"},
	        {SP_SQL_USER_BY_ID, "SEARCH users USING PRIMARY KEY (id=?)"},
	        {SP_SQL_USER_BY_EMAIL, "SEARCH users USING INDEX sqlite_autoindex_users_2 (email=?)"},
	        {SP_SQL_USER_LIST, "SEARCH users USING PRIMARY KEY (id<?)"},
	        {SP_SQL_USER_BURIED, "SCAN users USING INDEX users_deleted"},
	        {SP_SQL_USER_REMOVE, "SEARCH evaluations USING COVERING INDEX evaluations_user (user_id=?)"},
	        {SP_SQL_ADMIN_EXISTS, "SCAN users USING INDEX users_admins"},
	        {SP_SQL_KEY_GET, "SEARCH api_keys USING PRIMARY KEY (id=?)"},
	        {SP_SQL_KEY_GET, "SEARCH users USING PRIMARY KEY (id=?)"},
	        {SP_SQL_KEY_LIST, "SEARCH api_keys USING INDEX api_keys_user (user_id=?)"},
	        {SP_SQL_KEY_COUNT, "SEARCH api_keys USING INDEX api_keys_user (user_id=? AND <expr>=?)"},
	        {SP_SQL_KEY_REVOKE, "SEARCH api_keys USING PRIMARY KEY (id=?)"},
	        {SP_SQL_KEYS_DELETE, "SEARCH api_keys USING COVERING INDEX api_keys_user (user_id=?)"},
	        {SP_SQL_IDEMPOTENCY, "SEARCH idempotency_keys USING PRIMARY KEY (scope=? AND key=?)"},
	        {SP_SQL_LIST_ALL, "SEARCH evaluations USING PRIMARY KEY (id>? AND id<?)"},
	        {SP_SQL_LIST_USER, "SEARCH evaluations USING INDEX evaluations_user (user_id=? AND id>? AND id<?)"},
	        {SP_SQL_LIST_REFERENCE, "SEARCH evaluations USING INDEX evaluations_reference (reference=? AND id>? AND id<?)"},
	        {SP_SQL_LIST_USER_REFERENCE,
	                "SEARCH evaluations USING INDEX evaluations_user_reference (user_id=? AND reference=? AND id>? AND id<?)"},
	        {SP_SQL_DUE_ROWS, "SEARCH e USING PRIMARY KEY (id<?)"},
	        {SP_SQL_DUE_ROWS, "SEARCH d USING INDEX sqlite_autoindex_evaluation_data_1 (id=?)"},
	        {SP_SQL_DUE_DATA, "SEARCH d USING INDEX sqlite_autoindex_evaluation_data_1 (id<?)"},
	        {SP_SQL_DUE_DATA, "SEARCH e USING PRIMARY KEY (id=?)"},
	        {SP_SQL_OF_USER, "SEARCH e USING COVERING INDEX evaluations_user (user_id=?)"},
	        {SP_SQL_DELETE_DATA, "SEARCH evaluation_data USING INDEX sqlite_autoindex_evaluation_data_1 (id=?)"},
	        {SP_SQL_DELETE_IDEMPOTENCY, "SEARCH idempotency_keys USING COVERING INDEX idempotency_keys_created (created_at<?)"},
	        {SP_SQL_DELETE_REVOKED, "SEARCH api_keys USING COVERING INDEX api_keys_revoked (revoked_at<?)"},
	        {SP_SQL_STATISTICS, "SCAN evaluations USING INDEX evaluations_evaluating"},
	        {SP_SQL_STATISTICS, "SEARCH evaluations USING COVERING INDEX evaluations_waiting (status=?)"},
	};
	struct sp_store *s = open_db();
	sqlite3 *db = NULL;
	char text[2400];

	assert_int_equal(sqlite3_open_v2(test_db(), &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	for (size_t i = 0; i < SP_COUNT(want); i++) {
		plan_of(db, want[i].q, text, sizeof(text));
		if (!strstr(text, want[i].uses)) fail_msg("%s\n%s\nnot: %s", sp_sqlite_sql(want[i].q), text, want[i].uses);
		if (strstr(text, "TEMP B-TREE FOR ORDER BY")) fail_msg("sorts: %s\n%s", sp_sqlite_sql(want[i].q), text);
	}
	/* None walks through a whole table, also not with foreign keys to look after. */
	for (int q = 0; q < SP_SQL_COUNT_; q++) {
		if (q == SP_SQL_BEGIN || q == SP_SQL_COMMIT || q == SP_SQL_ROLLBACK || q == SP_SQL_SAVEPOINT ||
		        q == SP_SQL_SAVEPOINT_RELEASE || q == SP_SQL_SAVEPOINT_ROLLBACK || q == SP_SQL_READ || q == SP_SQL_DATA_VERSION ||
		        q == SP_SQL_PING)
			continue;
		plan_of(db, (enum sp_sql)q, text, sizeof(text));
		for (const char *line = text, *end; *line; line = *end ? end + 1 : end) {
			end = strchrnul(line, '\n');
			bool scan = strncmp(line, "SCAN ", 5) == 0, index = memmem(line, (size_t)(end - line), " USING ", 7) != NULL;
			if (scan && (strncmp(line + 5, "pragma_", 7) == 0 || strncmp(line + 5, "k\n", 2) == 0 ||
			                    strncmp(line + 5, "CONSTANT ROW", 12) == 0))
				continue;
			if (scan && !index) fail_msg("%s\n%s", sp_sqlite_sql((enum sp_sql)q), text);
		}
	}
	sqlite3_close(db);
	sp_store_close(s);
}

/* A list costs by what it looks at, which is bounded, and not by what is stored. */
static void lists_of_100_000(void **state)
{
	struct sp_store *s = open_db();
	struct sp_user u = must_user(s, "a@example.org");
	struct sp_evaluation items[50];
	struct sp_list_page page = {.items = items};
	struct sp_err err = {0};
	char sql[1200], hex[33];
	int calls = 0, found = 0;

	for (int i = 0; i < 16; i++) snprintf(hex + 2 * i, 3, "%02x", u.id.b[i]);
	/* Every second one is the user's, every 1,000th has a reference; the newest and the oldest 10 of the user's failed. */
	snprintf(sql, sizeof(sql),
	        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) "
	        "INSERT INTO evaluations (id, user_id, status, class, language, verdict, reference, created_at, finished_at) "
	        "SELECT CAST(printf('%%016d', i) AS BLOB), iif(i %% 2, x'%s', NULL), iif(i <= 20 OR i > 99980, 4, 2), 1, 'node', "
	        "iif(i <= 20 OR i > 99980, 'internal_error', 'ok'), iif(i %% 1000 = 1, 'hw', NULL), 1, 2 FROM n",
	        hex);
	if (sp_sqlite_exec(s, sql, &err) != 0) fail_msg("%s", err.msg);

	struct sp_list_request in = {.user_id = &u.id, .verdict = "internal_error", .limit = 50};
	do {
		assert_int_equal(sp_store_list(s, &in, &page, &err), 0);
		for (size_t i = 0; i < page.n; i++) assert_int_equal(items[i].status, SP_STATUS_FAILED);
		found += (int)page.n;
		calls++;
		in.before = &page.next;
		/* Nothing found, and yet there is more: it has looked at as many as it may. */
		if (calls == 2) assert_true(page.n == 0 && page.more);
	} while (page.more);
	assert_int_equal(found, 20);
	assert_int_equal(calls, 50000 / SP_LIST_LOOKS + 1);

	/* By reference it need not look at anything else. */
	in = (struct sp_list_request){.user_id = &u.id, .reference = "hw", .limit = 50};
	assert_int_equal(sp_store_list(s, &in, &page, &err), 0);
	assert_int_equal(page.n, 50);
	assert_true(page.more);
	in.before = &page.next;
	assert_int_equal(sp_store_list(s, &in, &page, &err), 0);
	assert_int_equal(page.n, 50);
	assert_false(page.more);
	in = (struct sp_list_request){.all_users = true, .reference = "hw", .verdict = "wall_limit", .limit = 50};
	assert_int_equal(sp_store_list(s, &in, &page, &err), 0);
	assert_true(page.n == 0 && !page.more);
	/* Two of everybody's fit into the last look of the first call. */
	in = (struct sp_list_request){.all_users = true, .status = NULL, .limit = 50};
	assert_int_equal(sp_store_list(s, &in, &page, &err), 0);
	assert_int_equal(page.n, 50);
	sp_store_close(s);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        T(migrates_an_empty_file),
	        T(refuses_a_newer_schema),
	        T(works_on_the_next_schema),
	        T(refuses_what_is_not_ours),
	        T(a_failing_migration_leaves_nothing),
	        T(from_schema_1),
	        T(schema_1_works_on_this_one),
	        T(hot_statements_use_indexes),
	        T(lists_of_100_000),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	sp_log_setup(SP_LOG_ERROR, true);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	test_dir_remove();
	return failed != 0;
}
