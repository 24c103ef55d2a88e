/* SPDX-License-Identifier: MIT */
/* What only the SQLite back-end has: files, the lock, opening beside another process, crashes. Migrations and query plans: store_schema.c; group commit and its failures: store_faults.c. */
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
#include "store/sqlite_internal.h"

static int setup(void **state)
{
	test_db_remove();
	return 0;
}

static int teardown(void **state) { return 0; }

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

/* Opening beside another process */

static void beside_nobody(void **state)
{
	struct sp_err err = {0};
	bool beside = true;
	struct sp_store *s = sp_store_open_beside(test_url(), &beside, &err);

	/* The command line before the first start: the database is made, and may be used like any. */
	assert_non_null(s);
	assert_false(beside);
	must_create(s, "x");
	assert_null(sp_store_open(test_url(), &err));
	assert_err(&err, SP_E_CONFLICT, "is in use by process");
	sp_store_close(s);
	s = sp_store_open_beside("sqlite::memory:", NULL, &err);
	assert_non_null(s);
	must_create(s, "x");
	sp_store_close(s);
}

static void beside_the_service(void **state)
{
	struct sp_store *service = open_db(), *s;
	struct sp_id runs = must_create(service, "x");
	struct sp_new_evaluation in = new_evaluation("x");
	struct sp_claim_request claim = {.id = runs, .evaluator_id = EVALUATOR, .lease_ms = 1000, .max_lost = 3};
	struct sp_finish f = {.id = runs, .claim_no = 1, .status = SP_STATUS_FINISHED, .verdict = "ok"};
	struct sp_lease lease = {.id = runs, .claim_no = 1};
	enum sp_create_outcome created;
	enum sp_claim_outcome claimed;
	struct sp_evaluation row, items[4];
	struct sp_stored st;
	struct sp_err err = {0};
	bool beside = false, applied;

	assert_int_equal(must_claim(service, &runs, LONG_LEASE_MS, NULL), SP_CLAIM_MINE);
	s = sp_store_open_beside(test_url(), &beside, &err);
	assert_non_null(s);
	assert_true(beside);
	/* No lease has ended. */
	assert_int_equal(must_claim(service, &runs, LONG_LEASE_MS, NULL), SP_CLAIM_ELSEWHERE);
	/* What only the service may do. */
	const char *const refused = "in use by another process, which alone evaluates";
	assert_int_equal(sp_store_create(s, &in, &created, &row, &err), -1);
	assert_err(&err, SP_E_CONFLICT, refused);
	assert_int_equal(sp_store_claim(s, &claim, &claimed, &st, &err), -1);
	assert_err(&err, SP_E_CONFLICT, refused);
	assert_int_equal(sp_store_release(s, &runs, 1, false, &applied, &err), -1);
	assert_err(&err, SP_E_CONFLICT, refused);
	assert_int_equal(sp_store_finish(s, &f, &applied, &err), -1);
	assert_err(&err, SP_E_CONFLICT, refused);
	assert_int_equal(sp_store_renew(s, EVALUATOR, 1000, &lease, 1, &err), -1);
	assert_err(&err, SP_E_CONFLICT, refused);

	/* Users and keys, both ways, at once. */
	struct sp_user u = must_user(s, "a@example.org"), owner;
	struct sp_key k = must_key(s, &u), got;
	assert_int_equal(sp_store_key_get(service, k.id, &got, &owner, &err), 0);
	assert_true(sp_id_equal(&owner.id, &u.id));
	assert_int_equal(sp_store_key_revoke(service, k.id, NULL, &got, &err), 0);
	assert_int_equal(sp_store_key_get(s, k.id, &got, &owner, &err), -1);
	struct sp_list_request list = {.all_users = true, .limit = 4};
	struct sp_list_page page = {.items = items};
	assert_int_equal(sp_store_list(s, &list, &page, &err), 0);
	assert_int_equal(page.n, 1);
	sp_store_close(s);
	must_create(service, "still there");
	sp_store_close(service);
	assert_sound();
}

/* What the other process takes out of the queue is missing from what this one counts. */
static void counts_what_others_change(void **state)
{
	struct sp_store *service = open_db();
	struct sp_user u = must_user(service, "a@example.org"), v = must_user(service, "b@example.org");
	struct sp_key k = must_key(service, &u), kv = must_key(service, &v);
	struct sp_new_evaluation in;
	struct sp_id first = {{0}};
	struct sp_err err = {0};

	for (int i = 0; i < 4; i++) {
		in = i % 2 ? new_of(&u, &k) : new_of(&v, &kv);
		in.max_waiting = 4;
		in.key_max_waiting = 2;
		must_create_as(service, &in);
		if (i == 0) first = in.id;
	}
	in.id = sp_id_new();
	assert_int_equal(try_create(service, &in, NULL), SP_CREATE_QUEUE_FULL);
	in.max_waiting = 0;
	assert_int_equal(try_create(service, &in, NULL), SP_CREATE_KEY_FULL);
	struct sp_store *s = sp_store_open_beside(test_url(), NULL, &err);
	assert_non_null(s);
	assert_int_equal(sp_store_user_delete(s, &u.id, &err), 0);
	assert_int_equal(must_cancel(s, &first).status, SP_STATUS_CANCELED);
	in = new_of(&v, &kv);
	in.max_waiting = in.key_max_waiting = 2;
	assert_int_equal(try_create(service, &in, NULL), SP_CREATE_NEW);
	in.id = sp_id_new();
	assert_int_equal(try_create(service, &in, NULL), SP_CREATE_QUEUE_FULL);
	in.max_waiting = 0;
	assert_int_equal(try_create(service, &in, NULL), SP_CREATE_KEY_FULL);
	sp_store_close(s);
	sp_store_close(service);
	assert_sound();
}

static void beside_another_version(void **state)
{
	struct sp_store *service = open_db();
	struct sp_err err = {0};

	assert_int_equal(
	        sp_sqlite_exec(service, "INSERT INTO schema_migrations (version, name, applied_at) VALUES (9, 'later', 1)", &err), 0);
	assert_null(sp_store_open_beside(test_url(), NULL, &err));
	assert_err(&err, SP_E_UNSUPPORTED, "the process that has the database uses schema 9, this program ");
	sp_store_close(service);
}

/* Two processes that write all the time: each waits for the other, none fails. */
static void two_writers(void **state)
{
	int status, ready[2], go[2];
	char byte;

	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(go), 0);
	/* Before this process has threads: the sanitizers allow the child none of its own otherwise. */
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct sp_err err = {0};
		struct sp_store *s;
		close(go[1]);
		if (read(go[0], &byte, 1) != 1) _exit(1);
		s = sp_store_open_beside(test_url(), NULL, &err);
		if (!s || write(ready[1], "", 1) != 1) _exit(2);
		for (int i = 0; i < 50; i++) {
			char email[32];
			struct sp_new_user in = {.id = sp_id_new(), .email = email};
			struct sp_user made;
			snprintf(email, sizeof(email), "%d@example.org", i);
			if (sp_store_user_add(s, &in, &made, &err) != 0) _exit(3);
		}
		sp_store_close(s);
		_exit(0);
	}
	close(ready[1]);
	close(go[0]);
	struct sp_store *service = open_db();
	must_user(service, "a@example.org");
	assert_int_equal(write(go[1], "", 1), 1);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	int made = 0;
	for (; waitpid(child, &status, WNOHANG) == 0; made++) must_create(service, "x");
	assert_int_equal(status, 0);
	close(ready[0]);
	close(go[1]);
	sp_store_close(service);
	assert_int_equal(number("SELECT count(*) FROM users"), 51);
	assert_int_equal(number("SELECT count(*) FROM evaluations"), made);
	assert_sound();
}

/* What root makes in the directory of the service's user is that one's: a command that came before the first start must not lock the service out. */
static void files_belong_to_the_directory_s_owner(void **state)
{
	const char *const names[] = {"", ".lock", "-wal", "-shm"};
	char path[300];
	struct stat st;

	if (geteuid() != 0) return;
	snprintf(path, sizeof(path), "%s/db", test_dir());
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(chown(path, 1234, 4321), 0);
	struct sp_store *s = open_db();
	must_create(s, "x");
	for (size_t i = 0; i < SP_COUNT(names); i++) {
		snprintf(path, sizeof(path), "%s%s", test_db(), names[i]);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_uid, 1234);
		assert_int_equal(st.st_gid, 4321);
	}
	sp_store_close(s);
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

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        T(files_and_settings),
	        T(urls),
	        T(network_file_systems),
	        T(reopened_after_close),
	        T(second_opener),
	        T(beside_nobody),
	        T(beside_the_service),
	        T(counts_what_others_change),
	        T(beside_another_version),
	        T(two_writers),
	        T(files_belong_to_the_directory_s_owner),
	        T(exit_without_close),
	        T(killed_while_writing),
	        T(the_log_stays_small),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	sp_log_setup(SP_LOG_ERROR, true);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	test_dir_remove();
	return failed != 0;
}
