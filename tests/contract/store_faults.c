/* SPDX-License-Identifier: MIT */
/* Group commit of the SQLite back-end and what happens when it fails: fault points, full disks, outages. */
#include "store_support.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "store/sqlite_internal.h"

static int setup(void **state)
{
	test_db_remove();
	return 0;
}

static int teardown(void **state)
{
	atomic_store(&sp_sqlite_fault, NULL);
	return 0;
}

/* The first group is held at its BEGIN until all other callers are queued, so that they make the second group together. */

#define CALLERS 7

static struct {
	struct sp_sqlite *s;
	const char *point; /* fails on its n-th call in the second group */
	int nth, code;
	_Atomic int begins, statements, commits, failures;
} plan;

static int counted(const char *point)
{
	if (strcmp(point, "store.begin") == 0 && atomic_fetch_add(&plan.begins, 1) == 0) {
		for (size_t queued = 0; queued < CALLERS;) {
			pthread_mutex_lock(&plan.s->writer.lock);
			queued = plan.s->writer.queued;
			pthread_mutex_unlock(&plan.s->writer.lock);
			nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
		}
		return SQLITE_OK;
	}
	if (atomic_load(&plan.begins) != 2) return SQLITE_OK;
	int n = 1;
	if (strcmp(point, "store.statement") == 0) n = atomic_fetch_add(&plan.statements, 1) + 1;
	if (strcmp(point, "store.commit") == 0) n = atomic_fetch_add(&plan.commits, 1) + 1;
	if (!plan.point || strcmp(point, plan.point) != 0 || n != plan.nth) return SQLITE_OK;
	atomic_fetch_add(&plan.failures, 1);
	return plan.code;
}

struct caller {
	struct sp_store *s;
	struct sp_new_evaluation in;
	int rc;
	struct sp_err err;
};

static void *call(void *cls)
{
	struct caller *c = cls;
	struct sp_evaluation row;

	enum sp_create_outcome outcome;
	c->rc = sp_store_create(c->s, &c->in, &outcome, &row, &c->err);
	return NULL;
}

/* One create that holds the writer, then CALLERS at once; returns how many of these failed. */
static int together(struct sp_store *s, const char *point, int nth, int code, struct caller callers[CALLERS])
{
	pthread_t first_thread, threads[CALLERS];
	struct caller first = {.s = s, .in = new_evaluation("first")};
	int failed = 0;

	plan.s = (struct sp_sqlite *)s;
	plan.point = point;
	plan.nth = nth;
	plan.code = code;
	plan.begins = plan.statements = plan.commits = plan.failures = 0;
	atomic_store(&sp_sqlite_fault, counted);
	assert_int_equal(pthread_create(&first_thread, NULL, call, &first), 0);
	while (atomic_load(&plan.begins) == 0) nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
	for (int i = 0; i < CALLERS; i++) {
		callers[i] = (struct caller){.s = s, .in = new_evaluation("together")};
		assert_int_equal(pthread_create(&threads[i], NULL, call, &callers[i]), 0);
	}
	pthread_join(first_thread, NULL);
	for (int i = 0; i < CALLERS; i++) pthread_join(threads[i], NULL);
	atomic_store(&sp_sqlite_fault, NULL);
	assert_int_equal(first.rc, 0);
	assert_true(exists(s, &first.in.id));
	for (int i = 0; i < CALLERS; i++) {
		/* Told and stored are the same. */
		assert_int_equal(callers[i].rc == 0, exists(s, &callers[i].in.id));
		failed += callers[i].rc != 0;
	}
	return failed;
}

/* Exactly this many wait, by the count that max_waiting goes by. */
static void assert_waiting(struct sp_store *s, int64_t n)
{
	struct sp_new_evaluation in = new_evaluation("probe");

	in.max_waiting = n;
	assert_int_equal(try_create(s, &in, NULL), SP_CREATE_QUEUE_FULL);
	/* The count is in the way of one more, and of no fewer. */
	in.max_waiting = n + 1;
	assert_int_equal(try_create(s, &in, NULL), SP_CREATE_NEW);
	assert_int_equal(must_claim(s, &in.id, LONG_LEASE_MS, NULL), SP_CLAIM_MINE);
	assert_true(must_finish(s, &in.id, 1, ""));
	assert_int_equal(number("SELECT count(*) FROM evaluations WHERE status = 0"), n);
}

static void one_commit_for_many(void **state)
{
	struct sp_store *s = open_db();
	struct caller callers[CALLERS];

	assert_int_equal(together(s, NULL, 0, 0, callers), 0);
	assert_int_equal(plan.begins, 2);
	assert_int_equal(plan.commits, 1);
	assert_int_equal(plan.statements, 2 * CALLERS);
	assert_waiting(s, CALLERS + 1);
	sp_store_close(s);
}

static void a_bad_statement_fails_alone(void **state)
{
	struct sp_store *s = open_db();
	struct caller callers[CALLERS];

	/* The third statement is the row of the second create, the eighth the data of the fourth: that row must go, too. */
	for (int nth = 3; nth <= 8; nth += 5) {
		assert_int_equal(together(s, "store.statement", nth, SQLITE_FULL, callers), 1);
		assert_int_equal(plan.failures, 1);
		assert_int_equal(plan.commits, 1);
		for (int i = 0; i < CALLERS; i++) {
			if (callers[i].rc == 0) continue;
			assert_err(&callers[i].err, SP_E_UNAVAILABLE,
			        nth == 3 ? "insert the evaluation: database or disk is full"
			                 : "insert the request: database or disk is full");
			assert_true(callers[i].err.retryable);
		}
	}
	assert_waiting(s, 2 * CALLERS);
	sp_store_close(s);
	assert_sound();
}

static void a_failed_commit_fails_all(void **state)
{
	struct sp_store *s = open_db();
	struct caller callers[CALLERS];
	const int codes[] = {SQLITE_FULL, SQLITE_IOERR_FSYNC, SQLITE_READONLY};
	const char *const texts[] = {
	        "COMMIT: database or disk is full", "COMMIT: disk I/O error", "COMMIT: attempt to write a readonly database"};

	for (size_t k = 0; k < SP_COUNT(codes); k++) {
		assert_int_equal(together(s, "store.commit", 1, codes[k], callers), CALLERS);
		for (int i = 0; i < CALLERS; i++) {
			assert_err(&callers[i].err, SP_E_UNAVAILABLE, texts[k]);
			assert_true(callers[i].err.retryable);
		}
		/* And the writer goes on. */
		struct sp_id id = must_create(s, "after");
		assert_true(exists(s, &id));
		assert_waiting(s, 2 * ((int64_t)k + 1));
	}
	sp_store_close(s);
	assert_sound();
}

static void a_failed_begin_fails_all(void **state)
{
	struct sp_store *s = open_db();
	struct caller callers[CALLERS];

	assert_int_equal(together(s, "store.begin", 1, SQLITE_BUSY, callers), CALLERS);
	for (int i = 0; i < CALLERS; i++) assert_err(&callers[i].err, SP_E_UNAVAILABLE, "BEGIN IMMEDIATE: database is locked");
	assert_waiting(s, 1);
	sp_store_close(s);
}

/* Fails the named point on its n-th call. */
static struct {
	const char *point;
	int code;
	_Atomic int left;
} single;

static int fail_nth(const char *point)
{
	return strcmp(point, single.point) == 0 && atomic_fetch_sub(&single.left, 1) == 1 ? single.code : SQLITE_OK;
}

static void fail_next(const char *point, int nth, int code)
{
	single.point = point;
	single.code = code;
	single.left = nth;
	atomic_store(&sp_sqlite_fault, fail_nth);
}

static void failed_operations_change_nothing(void **state)
{
	struct sp_store *s = open_db();
	struct sp_id id = must_create(s, "request");
	struct sp_claim_request claim = {.id = id, .evaluator_id = EVALUATOR, .lease_ms = LONG_LEASE_MS, .max_lost = 3};
	struct sp_finish f = {.id = id, .claim_no = 1, .status = SP_STATUS_FINISHED, .verdict = "ok"};
	struct sp_lease lease = {.id = id, .claim_no = 1};
	enum sp_claim_outcome outcome;
	struct sp_stored st;
	struct sp_err err = {0};
	bool applied;

	fail_next("store.commit", 1, SQLITE_FULL);
	assert_int_equal(sp_store_claim(s, &claim, &outcome, &st, &err), -1);
	assert_err(&err, SP_E_UNAVAILABLE, "store: claim ");
	assert_null(st.data.request.p); /* loaded before the commit failed; not handed out */
	assert_int_equal(must_row(s, &id).status, SP_STATUS_CREATED);
	assert_int_equal(must_row(s, &id).claim_no, 0);
	assert_waiting(s, 1);
	assert_int_equal(must_claim(s, &id, LONG_LEASE_MS, NULL), SP_CLAIM_MINE);
	must_create(s, "waits all the time"); /* assert_waiting() needs one at least */
	assert_waiting(s, 1);

	/* The second statement of a finish is its data: without it the row must not be terminal. */
	fail_next("store.statement", 2, SQLITE_IOERR_WRITE);
	assert_int_equal(sp_store_finish(s, &f, &applied, &err), -1);
	assert_err(&err, SP_E_UNAVAILABLE, "write the result: disk I/O error");
	assert_int_equal(must_row(s, &id).status, SP_STATUS_EVALUATING);
	fail_next("store.commit", 1, SQLITE_FULL);
	assert_int_equal(sp_store_release(s, &id, 1, true, &applied, &err), -1);
	assert_int_equal(must_row(s, &id).status, SP_STATUS_EVALUATING);
	fail_next("store.commit", 1, SQLITE_FULL);
	assert_int_equal(sp_store_renew(s, "somebody else", LONG_LEASE_MS, &lease, 1, &err), -1);
	assert_false(lease.lost);
	assert_waiting(s, 1);
	assert_true(must_finish(s, &id, 1, "at last"));

	/* Giving up writes row and reason together. */
	id = must_create(s, "x");
	claim.id = id;
	assert_int_equal(must_claim(s, &id, 1, NULL), SP_CLAIM_MINE);
	assert_int_equal(must_claim_over(s, &id, 1, NULL), SP_CLAIM_MINE);
	assert_int_equal(must_claim_over(s, &id, 1, NULL), SP_CLAIM_MINE);
	do { /* claim from created, claim from evaluating, end the evaluation, write the reason */
		fail_next("store.statement", 4, SQLITE_FULL);
	} while (sp_store_claim(s, &claim, &outcome, &st, &err) == 0 && outcome == SP_CLAIM_ELSEWHERE);
	assert_err(&err, SP_E_UNAVAILABLE, "write the reason: database or disk is full");
	assert_int_equal(must_row(s, &id).status, SP_STATUS_EVALUATING);
	assert_int_equal(must_claim(s, &id, 1, NULL), SP_CLAIM_EXHAUSTED);
	sp_store_close(s);
	assert_sound();
}

static void a_disk_that_fails_at_open(void **state)
{
	struct sp_err err = {0};
	struct sp_store *s = open_db();
	struct sp_id id = must_create(s, "x");

	assert_int_equal(must_claim(s, &id, LONG_LEASE_MS, NULL), SP_CLAIM_MINE);
	sp_store_close(s);
	/* Not "try again later": without a store there is nothing to ask again. */
	fail_next("store.statement", 1, SQLITE_IOERR_WRITE);
	assert_null(sp_store_open(test_url(), &err));
	assert_err(&err, SP_E_IO, "t.db: end leases: disk I/O error");
	assert_false(err.retryable);
	/* The lock was given back. */
	s = open_db();
	assert_int_equal(must_claim(s, &id, LONG_LEASE_MS, NULL), SP_CLAIM_MINE);
	sp_store_close(s);
}

static int fail_always(const char *point)
{
	if (strcmp(point, "store.commit") == 0) return SQLITE_IOERR_WRITE;
	return strcmp(point, "store.reopen") == 0 ? SQLITE_CANTOPEN : SQLITE_OK;
}

static void comes_back_after_an_outage(void **state)
{
	struct sp_store *s = open_db();
	struct sp_id before = must_create(s, "before");
	struct sp_new_evaluation in = new_evaluation("during");
	struct sp_evaluation row;
	enum sp_create_outcome outcome;
	struct sp_err err = {0};

	atomic_store(&sp_sqlite_fault, fail_always);
	assert_int_equal(sp_store_create(s, &in, &outcome, &row, &err), -1);
	assert_err(&err, SP_E_UNAVAILABLE, "COMMIT: disk I/O error");
	for (int i = 0; i < 3; i++) {
		assert_int_equal(sp_store_create(s, &in, &outcome, &row, &err), -1);
		assert_err(&err, SP_E_UNAVAILABLE, "open the database: unable to open database file");
		assert_true(err.retryable);
	}
	assert_int_equal(sp_store_sweep(s, NULL, 0, NULL, &err), -1); /* not ready */
	assert_true(exists(s, &before)); /* readers go on */
	atomic_store(&sp_sqlite_fault, NULL);
	assert_int_equal(sp_store_sweep(s, NULL, 0, NULL, &err), 0);
	assert_int_equal(sp_store_create(s, &in, &outcome, &row, &err), 0);
	assert_waiting(s, 2);
	sp_store_close(s);
	assert_sound();
}

/* The kernel refuses to let files grow: what a full disk does, without needing one. In a child, because the limit is the process's. */
static void in_full_disk(void)
{
	struct sp_store *s = open_db();
	struct rlimit limit;
	struct stat st;
	char wal[300];
	static char big[1 << 20];
	struct sp_new_evaluation in = new_evaluation("");
	struct sp_evaluation row;
	enum sp_create_outcome outcome;
	struct sp_err err = {0};
	struct sp_id before = must_create(s, "before");

	signal(SIGXFSZ, SIG_IGN);
	snprintf(wal, sizeof(wal), "%s-wal", test_db());
	memset(big, 'x', sizeof(big));
	in.request = (struct sp_bytes){big, sizeof(big)};
	if (stat(wal, &st) != 0 || getrlimit(RLIMIT_FSIZE, &limit) != 0) _exit(10);
	rlim_t was = limit.rlim_cur;
	limit.rlim_cur = (rlim_t)st.st_size + 100000;
	if (setrlimit(RLIMIT_FSIZE, &limit) != 0) _exit(11);
	for (int i = 0; i < 3; i++) {
		if (sp_store_create(s, &in, &outcome, &row, &err) == 0) _exit(12);
		if (err.code != SP_E_UNAVAILABLE || !err.retryable) _exit(13);
		if (exists(s, &in.id)) _exit(14);
	}
	if (!exists(s, &before)) _exit(15);
	limit.rlim_cur = was;
	if (setrlimit(RLIMIT_FSIZE, &limit) != 0) _exit(16);
	if (sp_store_create(s, &in, &outcome, &row, &err) != 0) _exit(17);
	if (!exists(s, &in.id)) _exit(18);
	sp_store_close(s);
	_exit(0);
}

static void full_disk(void **state)
{
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) in_full_disk();
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 0);
	assert_sound();
	assert_int_equal(number("SELECT count(*) FROM evaluations"), 2);
}

static void full_database(void **state)
{
	struct sp_store *s = open_db();
	struct sp_err err = {0};
	struct sp_new_evaluation in = new_evaluation("");
	struct sp_evaluation row;
	enum sp_create_outcome outcome;
	static char big[1 << 20];

	must_create(s, "x");
	assert_int_equal(sp_sqlite_exec(s, "PRAGMA max_page_count=50", &err), 0);
	in.request = (struct sp_bytes){big, sizeof(big)};
	assert_int_equal(sp_store_create(s, &in, &outcome, &row, &err), -1);
	assert_err(&err, SP_E_UNAVAILABLE, "database or disk is full");
	assert_true(err.retryable);
	assert_false(exists(s, &in.id));
	must_create(s, "a small one fits");
	assert_int_equal(sp_sqlite_exec(s, "PRAGMA max_page_count=1000000", &err), 0);
	assert_int_equal(sp_store_create(s, &in, &outcome, &row, &err), 0);
	assert_waiting(s, 3);
	sp_store_close(s);
	assert_sound();
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        T(one_commit_for_many),
	        T(a_bad_statement_fails_alone),
	        T(a_failed_commit_fails_all),
	        T(a_failed_begin_fails_all),
	        T(failed_operations_change_nothing),
	        T(a_disk_that_fails_at_open),
	        T(comes_back_after_an_outage),
	        T(full_disk),
	        T(full_database),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	sp_log_setup(SP_LOG_ERROR, true);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	test_dir_remove();
	return failed != 0;
}
