/* SPDX-License-Identifier: MIT */
/* What only the SQLite back-end has: files, the lock, migrations, crashes, query plans. Group commit and its failures: store_faults.c. */
#include "store_support.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "store/migration.h"
#include "store/sqlite_internal.h"

static int setup(void **state)
{
	test_db_remove();
	return 0;
}

static int teardown(void **state) { return 0; }

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

static unsigned mode_of(const char *suffix)
{
	char path[300];
	struct stat st;

	snprintf(path, sizeof(path), "%s%s", test_db(), suffix);
	if (stat(path, &st) != 0) fail_msg("%s is not there", path);
	return st.st_mode & 07777;
}

static void files_and_settings(void **state)
{
	mode_t old = umask(0);
	struct sp_store *s = open_db();
	struct stat st;
	char dir[200];

	must_create(s, "x");
	umask(old);
	snprintf(dir, sizeof(dir), "%s/db", test_dir());
	assert_int_equal(stat(dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(mode_of(""), 0600);
	assert_int_equal(mode_of("-wal"), 0600);
	assert_int_equal(mode_of("-shm"), 0600);
	assert_int_equal(mode_of(".lock"), 0600);
	assert_int_equal(number("PRAGMA auto_vacuum"), 2);
	assert_int_equal(number("PRAGMA page_size"), 4096);
	assert_int_equal(number("SELECT journal_mode = 'wal' FROM pragma_journal_mode"), 1);
	assert_int_equal(number("PRAGMA application_id"), 0x53525053);
	struct sp_sqlite *q = (struct sp_sqlite *)s;
	sqlite3_stmt *p;
	assert_int_equal(
	        sqlite3_prepare_v2(q->writer.conn->db,
	                "SELECT (SELECT synchronous FROM pragma_synchronous) = 2 AND (SELECT foreign_keys FROM pragma_foreign_keys) = 1",
	                -1, &p, NULL),
	        SQLITE_OK);
	assert_int_equal(sqlite3_step(p), SQLITE_ROW);
	assert_int_equal(sqlite3_column_int(p, 0), 1);
	sqlite3_finalize(p);
	sp_store_close(s);
}

static void urls(void **state)
{
	struct sp_err err = {0};

	assert_null(sp_store_open("postgresql://user:secret@host/db", &err));
	assert_err(&err, SP_E_INVALID, "no store \"postgresql:\"");
	assert_null(strstr(err.msg, "secret"));
	assert_null(sp_store_open("serapis.db", &err));
	assert_err(&err, SP_E_INVALID, "the store is a URL");
	assert_null(sp_store_open("sqlite:", &err));
	assert_err(&err, SP_E_INVALID, "is not the path of a database file");
	assert_null(sp_store_open("sqlite:/proc/serapis/t.db", &err));
	assert_err(&err, SP_E_IO, "directory of the database");
	char url[300];
	snprintf(url, sizeof(url), "sqlite:%s/directory", test_dir());
	assert_int_equal(mkdir(strchr(url, ':') + 1, 0700), 0);
	assert_null(sp_store_open(url, &err));
	assert_err(&err, SP_E_IO, "/directory is not a file");
}

static void network_file_systems(void **state)
{
	assert_string_equal(sp_sqlite_network_fs(0x6969), "NFS");
	assert_string_equal(sp_sqlite_network_fs(0xff534d42), "CIFS");
	assert_string_equal(sp_sqlite_network_fs((unsigned long)(int)0xff534d42), "CIFS"); /* as a signed f_type is widened */
	assert_string_equal(sp_sqlite_network_fs(0xfe534d42), "SMB2");
	assert_string_equal(sp_sqlite_network_fs(0x01021997), "9p");
	assert_string_equal(sp_sqlite_network_fs(0x00c36400), "Ceph");
	assert_null(sp_sqlite_network_fs(0xef53)); /* ext4 */
	assert_null(sp_sqlite_network_fs(0x01021994)); /* tmpfs */
	assert_null(sp_sqlite_network_fs(0x65735546)); /* FUSE */
}

static void reopened_after_close(void **state)
{
	struct sp_store *s = open_db();
	struct sp_id waits = must_create(s, "waits"), runs = must_create(s, "runs"), ended = must_create(s, "ended");
	struct sp_stored st;

	assert_int_equal(must_claim(s, &runs, LONG_LEASE_MS, NULL), SP_CLAIM_MINE);
	assert_int_equal(must_claim(s, &ended, LONG_LEASE_MS, NULL), SP_CLAIM_MINE);
	assert_true(must_finish(s, &ended, 1, "output"));
	sp_store_close(s);

	s = open_db();
	assert_int_equal(must_row(s, &waits).status, SP_STATUS_CREATED);
	must_get(s, &ended, true, &st);
	assert_bytes(&st.data.output, "output");
	sp_stored_fini(&st);
	/* Its lease had an hour to go; the process that held it is gone. */
	assert_int_equal(must_claim(s, &runs, LONG_LEASE_MS, &st), SP_CLAIM_MINE);
	assert_int_equal(st.row.claim_no, 2);
	assert_int_equal(st.row.lost, 1);
	assert_bytes(&st.data.request, "runs");
	sp_stored_fini(&st);
	/* The count of waiting rows was read from the file. */
	struct sp_new_evaluation in = new_evaluation("x");
	struct sp_evaluation row;
	in.max_waiting = 1;
	assert_int_equal(try_create(s, &in, &row), SP_CREATE_QUEUE_FULL);
	sp_store_close(s);
}

static void second_opener(void **state)
{
	struct sp_store *s = open_db();
	struct sp_err err = {0};
	char want[200], link_url[300], link_path[280];

	snprintf(want, sizeof(want), "is in use by process %ld (lock file ", (long)getpid());
	assert_null(sp_store_open(test_url(), &err));
	assert_err(&err, SP_E_CONFLICT, want);
	/* By another name, too. */
	snprintf(link_path, sizeof(link_path), "%s/other.db", test_dir());
	snprintf(link_url, sizeof(link_url), "sqlite:%s", link_path);
	unlink(link_path);
	assert_int_equal(symlink(test_db(), link_path), 0);
	assert_null(sp_store_open(link_url, &err));
	assert_err(&err, SP_E_CONFLICT, want);

	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct sp_err e = {0};
		_exit(sp_store_open(test_url(), &e) == NULL && e.code == SP_E_CONFLICT && strstr(e.msg, want) ? 0 : 1);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	sp_store_close(s);
	s = sp_store_open(link_url, &err);
	assert_non_null(s);
	sp_store_close(s);
	unlink(link_path);
}

/* Crashes */

/* In the child: makes evaluations and tells each id only after its create has returned. */
struct teller {
	struct sp_store *s;
	int fd;
};

static void *tell_forever(void *cls)
{
	struct teller *t = cls;

	for (;;) {
		struct sp_new_evaluation in = new_evaluation("told");
		struct sp_evaluation row;
	enum sp_create_outcome outcome;
		if (sp_store_create(t->s, &in, &outcome, &row, NULL) != 0) _exit(3);
		if (write(t->fd, in.id.b, sizeof(in.id.b)) != (ssize_t)sizeof(in.id.b)) _exit(4);
	}
}

static void exit_without_close(void **state)
{
	int fds[2];
	struct sp_id ids[20];

	assert_int_equal(pipe(fds), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct sp_store *s = open_db();
		for (int i = 0; i < 20; i++) {
			struct sp_id id = must_create(s, "told");
			if (write(fds[1], id.b, sizeof(id.b)) != (ssize_t)sizeof(id.b)) _exit(2);
		}
		_exit(0);
	}
	close(fds[1]);
	for (int i = 0; i < 20; i++) assert_int_equal(read(fds[0], ids[i].b, sizeof(ids[i].b)), sizeof(ids[i].b));
	close(fds[0]);
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	struct sp_store *s = open_db();
	for (int i = 0; i < 20; i++) assert_true(exists(s, &ids[i]));
	sp_store_close(s);
	assert_sound();
}

static void killed_while_writing(void **state)
{
	for (int round = 0; round < 5; round++) {
		int fds[2], told = 0;
		struct sp_id id;

		assert_int_equal(pipe(fds), 0);
		pid_t child = fork();
		assert_true(child >= 0);
		if (child == 0) {
			struct teller t = {open_db(), fds[1]};
			pthread_t threads[4];
			for (int i = 0; i < 4; i++)
				if (pthread_create(&threads[i], NULL, tell_forever, &t) != 0) _exit(2);
			pause();
			_exit(0);
		}
		close(fds[1]);
		struct sp_id *ids = calloc(100000, sizeof(*ids));
		assert_non_null(ids);
		/* Writes of 16 bytes to a pipe are whole. What was told before the kill is read to the end. */
		while (told < 100000 && read(fds[0], id.b, sizeof(id.b)) == (ssize_t)sizeof(id.b)) {
			ids[told++] = id;
			if (told == 150 + 97 * round) assert_int_equal(kill(child, SIGKILL), 0);
		}
		close(fds[0]);
		int status;
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		assert_true(told >= 150 + 97 * round);
		struct sp_store *s = open_db();
		for (int i = 0; i < told; i++)
			if (!exists(s, &ids[i])) fail_msg("round %d: evaluation %d of %d is lost", round, i, told);
		sp_store_close(s);
		free(ids);
		assert_sound();
	}
}

/* Migrations */

static void migrates_an_empty_file(void **state)
{
	make_db("");
	assert_int_equal(truncate(test_db(), 0), 0);
	struct sp_store *s = open_db();
	must_create(s, "x");
	sp_store_close(s);
	assert_int_equal(number("SELECT max(version) FROM schema_migrations"), 1);
	assert_int_equal(number("SELECT name = 'evaluations' AND applied_at > 0 FROM schema_migrations WHERE version = 1"), 1);
	int64_t applied = number("SELECT applied_at FROM schema_migrations");
	s = open_db(); /* once only */
	sp_store_close(s);
	assert_int_equal(number("SELECT count(*) FROM schema_migrations"), 1);
	assert_int_equal(number("SELECT applied_at FROM schema_migrations"), applied);
}

static void refuses_a_newer_schema(void **state)
{
	struct sp_store *s = open_db();
	struct sp_err err = {0};

	must_create(s, "x");
	assert_int_equal(sp_sqlite_exec(s, "INSERT INTO schema_migrations (version, name, applied_at) VALUES (9, 'later', 1)", &err), 0);
	sp_store_close(s);
	assert_null(sp_store_open(test_url(), &err));
	assert_err(&err, SP_E_UNSUPPORTED, "the database has schema 9, this program knows 1");
	/* Refused means untouched, and the lock given back. */
	assert_int_equal(number("SELECT count(*) FROM evaluations"), 1);
	assert_int_equal(number("SELECT count(*) FROM schema_migrations"), 2);
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

static void the_log_stays_small(void **state)
{
	struct sp_store *s = open_db();
	static char big[1 << 18];
	struct stat st;
	char wal[300];

	for (int i = 0; i < 160; i++) { /* 40 MiB */
		struct sp_new_evaluation in = new_evaluation("");
		struct sp_evaluation row;
		in.request = (struct sp_bytes){big, sizeof(big)};
		assert_int_equal(try_create(s, &in, &row), SP_CREATE_NEW);
	}
	snprintf(wal, sizeof(wal), "%s-wal", test_db());
	assert_int_equal(stat(wal, &st), 0);
	assert_in_range(st.st_size, 1, 12 << 20);
	sp_store_close(s);
	assert_int_not_equal(stat(wal, &st), 0); /* a clean end leaves one file */
}

static void hot_statements_use_indexes(void **state)
{
	static const struct {
		enum sp_sql q;
		const char *uses;
	} want[] = {
	        {SP_SQL_CLAIM, "SEARCH evaluations USING PRIMARY KEY (id=?)"},
	        {SP_SQL_JUDGE, "SEARCH evaluations USING PRIMARY KEY (id=?)"},
	        {SP_SQL_RELEASE, "SEARCH evaluations USING PRIMARY KEY (id=?)"},
	        {SP_SQL_FINISH, "SEARCH evaluations USING PRIMARY KEY (id=?)"},
	        {SP_SQL_RENEW, "SEARCH evaluations USING PRIMARY KEY (id=?)"},
	        {SP_SQL_GET, "SEARCH evaluations USING PRIMARY KEY (id=?)"},
	        {SP_SQL_GET_DATA, "SEARCH evaluations USING PRIMARY KEY (id=?)"},
	        {SP_SQL_GET_DATA, "SEARCH d USING INDEX sqlite_autoindex_evaluation_data_1 (id=?)"},
	        {SP_SQL_STATUS, "SEARCH evaluations USING PRIMARY KEY (id=?)"},
	        {SP_SQL_REQUEST, "SEARCH evaluation_data USING INDEX sqlite_autoindex_evaluation_data_1 (id=?)"},
	        {SP_SQL_SCAN_WAITING, "SEARCH evaluations USING COVERING INDEX evaluations_waiting (status=? AND id>?)"},
	        {SP_SQL_SCAN_EXPIRED, "SEARCH evaluations USING INDEX evaluations_evaluating (id>?)"},
	        {SP_SQL_COUNT_WAITING, "SEARCH evaluations USING COVERING INDEX evaluations_waiting (status=?)"},
	        {SP_SQL_END_LEASES, "SCAN evaluations USING INDEX evaluations_evaluating"},
	};
	struct sp_store *s = open_db();
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open_v2(test_db(), &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	for (size_t i = 0; i < SP_COUNT(want); i++) {
		char sql[1200], plan_text[1200] = "";
		sqlite3_stmt *st = NULL;
		snprintf(sql, sizeof(sql), "EXPLAIN QUERY PLAN %s", sp_sqlite_sql(want[i].q));
		assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
		while (sqlite3_step(st) == SQLITE_ROW) {
			strncat(plan_text, (const char *)sqlite3_column_text(st, 3), 300);
			strncat(plan_text, "\n", 2);
		}
		sqlite3_finalize(st);
		if (!strstr(plan_text, want[i].uses)) fail_msg("%s\n%s", sql, plan_text);
		if (strstr(plan_text, "TEMP B-TREE")) fail_msg("sorts: %s\n%s", sql, plan_text);
	}
	sqlite3_close(db);
	sp_store_close(s);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        T(files_and_settings),
	        T(urls),
	        T(network_file_systems),
	        T(reopened_after_close),
	        T(second_opener),
	        T(exit_without_close),
	        T(killed_while_writing),
	        T(migrates_an_empty_file),
	        T(refuses_a_newer_schema),
	        T(refuses_what_is_not_ours),
	        T(a_failing_migration_leaves_nothing),
	        T(the_log_stays_small),
	        T(hot_statements_use_indexes),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	sp_log_setup(SP_LOG_ERROR, true);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	test_dir_remove();
	return failed != 0;
}
