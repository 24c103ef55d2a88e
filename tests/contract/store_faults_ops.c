/* SPDX-License-Identifier: MIT */
/* Every operation of the SQLite back-end that writes, failing at each of its statements and at its commit: either all of it is in the database, or nothing. */
#include "store_support.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
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

/* ---- faults ---- */

static struct {
	const char *point;
	int code;
	_Atomic int left, hits;
} plan;

static int fail_nth(const char *point)
{
	if (strcmp(point, plan.point) != 0 || atomic_fetch_sub(&plan.left, 1) != 1) return SQLITE_OK;
	atomic_fetch_add(&plan.hits, 1);
	return plan.code;
}

static void arm(const char *point, int nth, int code)
{
	plan.point = point;
	plan.code = code;
	plan.left = nth;
	plan.hits = 0;
	atomic_store(&sp_sqlite_fault, fail_nth);
}

static void disarm(void) { atomic_store(&sp_sqlite_fault, NULL); }

/* ---- the whole database as text ---- */

static void dump_table(sqlite3 *db, const char *table, FILE *out)
{
	char sql[100];
	sqlite3_stmt *st = NULL;

	snprintf(sql, sizeof(sql), "SELECT * FROM %s ORDER BY 1, 2", table);
	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK) fail_msg("%s", sqlite3_errmsg(db));
	while (sqlite3_step(st) == SQLITE_ROW) {
		fprintf(out, "%s:", table);
		for (int i = 0; i < sqlite3_column_count(st); i++) {
			const unsigned char *p = sqlite3_column_blob(st, i);
			fprintf(out, " %d/", sqlite3_column_type(st, i));
			for (int k = 0; k < sqlite3_column_bytes(st, i); k++) fprintf(out, "%02x", p[k]);
		}
		fputc('\n', out);
	}
	sqlite3_finalize(st);
}

static char *dump(void)
{
	static const char *const tables[] = {"evaluations", "evaluation_data", "users", "api_keys", "idempotency_keys"};
	char *text = NULL;
	size_t n;
	sqlite3 *db = NULL;
	FILE *out = open_memstream(&text, &n);

	assert_non_null(out);
	assert_int_equal(sqlite3_open_v2(test_db(), &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	for (size_t i = 0; i < SP_COUNT(tables); i++) dump_table(db, tables[i], out);
	sqlite3_close(db);
	fclose(out);
	return text;
}

/* ---- the operations ---- */

/* What each works on, made anew for each operation. */
static struct {
	struct sp_user user, admin;
	struct sp_key key;
	struct sp_new_key other_key;
	struct sp_id waits, runs, busy, once, fresh;
} w;

static struct sp_id make(struct sp_store *s, int32_t max_running, int32_t max_runs)
{
	struct sp_new_evaluation in = new_of(&w.user, &w.key);

	in.max_running = max_running;
	in.max_runs = max_runs;
	must_create_as(s, &in);
	return in.id;
}

static void make_world(struct sp_store *s)
{
	w.user = must_user(s, "user@example.org");
	w.key = must_key(s, &w.user);
	w.other_key = new_key();
	w.fresh = sp_id_new();
	w.waits = make(s, 0, 0);
	w.runs = make(s, 0, 0);
	assert_int_equal(must_claim(s, &w.runs, LONG_LEASE_MS, NULL), SP_CLAIM_MINE);
	w.busy = make(s, 1, 0);
	w.once = make(s, 0, 1);
	assert_int_equal(must_claim(s, &w.once, LONG_LEASE_MS, NULL), SP_CLAIM_MINE);
	bool applied;
	assert_int_equal(sp_store_release(s, &w.once, 1, true, &applied, NULL), 0);
}

static int op_create(struct sp_store *s, struct sp_err *err)
{
	struct sp_new_evaluation in = new_of(&w.user, &w.key);
	enum sp_create_outcome outcome;
	struct sp_evaluation row;

	in.id = w.fresh;
	in.idempotency_key = "k";
	in.idempotency_keep_ms = 1000000;
	in.key_max_waiting = 100;
	int rc = sp_store_create(s, &in, &outcome, &row, err);
	if (rc == 0) assert_int_equal(outcome, SP_CREATE_NEW);
	return rc;
}

static int claim_of(struct sp_store *s, const struct sp_id *id, enum sp_claim_outcome want, struct sp_err *err)
{
	struct sp_claim_request in = {.id = *id, .evaluator_id = EVALUATOR, .lease_ms = LONG_LEASE_MS, .max_lost = 3};
	enum sp_claim_outcome outcome;
	struct sp_stored st;
	int rc = sp_store_claim(s, &in, &outcome, &st, err);

	if (rc == 0) assert_int_equal(outcome, want);
	if (rc == 0) sp_stored_fini(&st);
	return rc;
}

static int op_claim(struct sp_store *s, struct sp_err *err) { return claim_of(s, &w.waits, SP_CLAIM_MINE, err); }
static int op_claim_exhausted(struct sp_store *s, struct sp_err *err) { return claim_of(s, &w.once, SP_CLAIM_EXHAUSTED, err); }

static int op_release(struct sp_store *s, struct sp_err *err)
{
	bool applied;
	return sp_store_release(s, &w.runs, 1, true, &applied, err);
}

static int op_finish(struct sp_store *s, struct sp_err *err)
{
	struct sp_finish f = {.id = w.runs, .claim_no = 1, .status = SP_STATUS_FINISHED, .verdict = "ok"};
	bool applied;
	return sp_store_finish(s, &f, &applied, err);
}

static int op_cancel_waiting(struct sp_store *s, struct sp_err *err)
{
	struct sp_evaluation row;
	return sp_store_cancel(s, &w.waits, SP_CANCEL_REQUESTED, &row, err);
}

static int op_cancel_running(struct sp_store *s, struct sp_err *err)
{
	struct sp_evaluation row;
	return sp_store_cancel(s, &w.runs, SP_CANCEL_REQUESTED, &row, err);
}

static int op_erase(struct sp_store *s, struct sp_err *err)
{
	struct sp_evaluation row;
	return sp_store_erase(s, &w.waits, &row, err);
}

static int op_user_add(struct sp_store *s, struct sp_err *err)
{
	struct sp_new_user in = {.id = w.fresh, .email = "new@example.org", .key = &w.other_key};
	struct sp_user u;
	return sp_store_user_add(s, &in, &u, err);
}

static int op_ensure_admin(struct sp_store *s, struct sp_err *err)
{
	struct sp_new_user in = {.id = w.fresh, .email = "admin@example.org", .role = SP_ROLE_ADMIN, .key = &w.other_key};
	bool made;
	return sp_store_ensure_admin(s, &in, &made, err);
}

static int op_key_add(struct sp_store *s, struct sp_err *err)
{
	struct sp_key k;
	return sp_store_key_add(s, &w.user.id, &w.other_key, &k, err);
}

static int op_key_revoke(struct sp_store *s, struct sp_err *err)
{
	struct sp_key k;
	return sp_store_key_revoke(s, w.key.id, NULL, &k, err);
}

static const struct {
	const char *name;
	int (*run)(struct sp_store *s, struct sp_err *err);
	int statements; /* that write */
} ops[] = {
        {"create", op_create, 3},
        {"claim", op_claim, 1},
        {"claim, exhausted", op_claim_exhausted, 3},
        {"release", op_release, 1},
        {"finish", op_finish, 2},
        {"cancel, waiting", op_cancel_waiting, 2},
        {"cancel, running", op_cancel_running, 1},
        {"erase", op_erase, 1},
        {"user_add", op_user_add, 2},
        {"ensure_admin", op_ensure_admin, 2},
        {"key_add", op_key_add, 1},
        {"key_revoke", op_key_revoke, 1},
};

/* What the writer counts is what the database holds. */
static void assert_counts(struct sp_store *s)
{
	struct sp_new_evaluation in = new_of(&w.user, &w.key);
	int64_t all = number("SELECT count(*) FROM evaluations WHERE status = 0"), of_key;
	char sql[120];

	snprintf(sql, sizeof(sql), "SELECT count(*) FROM evaluations WHERE status = 0 AND key_id = '%s'", w.key.id);
	of_key = number(sql);
	in.max_waiting = all;
	assert_int_equal(try_create(s, &in, NULL), SP_CREATE_QUEUE_FULL);
	in.max_waiting = all + 1;
	in.key_max_waiting = of_key;
	assert_int_equal(try_create(s, &in, NULL), SP_CREATE_KEY_FULL);
}

static void all_or_nothing(void **state)
{
	for (size_t i = 0; i < SP_COUNT(ops); i++) {
		test_db_remove();
		struct sp_store *s = open_db();
		struct sp_err err = {0};
		make_world(s);
		assert_counts(s); /* the key's count is known from here on, and must be kept right */
		sp_autofree char *before = dump();
		for (int nth = 1; nth <= ops[i].statements + 1; nth++) {
			bool commit = nth > ops[i].statements;
			arm(commit ? "store.commit" : "store.statement", commit ? 1 : nth, commit ? SQLITE_IOERR_FSYNC : SQLITE_FULL);
			int rc = ops[i].run(s, &err);
			disarm();
			if (rc != -1 || plan.hits != 1) fail_msg("%s does not fail at its write %d", ops[i].name, nth);
			assert_err(&err, SP_E_UNAVAILABLE, "store: ");
			assert_true(err.retryable);
			sp_autofree char *after = dump();
			if (strcmp(before, after) != 0) fail_msg("%s, write %d:\n%s\nbecame\n%s", ops[i].name, nth, before, after);
			assert_counts(s);
		}
		/* As many writes as told, and then it works. */
		arm("store.statement", ops[i].statements + 1, SQLITE_FULL);
		if (ops[i].run(s, &err) != 0) fail_msg("%s: %s", ops[i].name, err.msg);
		disarm();
		sp_autofree char *after = dump();
		if (strcmp(before, after) == 0) fail_msg("%s changes nothing", ops[i].name);
		assert_counts(s);
		sp_store_close(s);
		assert_sound();
	}
}

/* A death, or a disk that fails, anywhere in the deletion of a user with many evaluations: the user is gone or is not, and what is left goes with retention. */
static void interrupted_deletion_of_a_user(void **state)
{
	bool ended = false;

	for (int nth = 1; !ended; nth++) {
		test_db_remove();
		struct sp_store *s = open_db();
		struct sp_user got;
		struct sp_expired done;
		struct sp_err err = {0};
		make_world(s);
		for (int i = 0; i < 250; i++) make(s, 0, 0);
		arm("store.commit", nth, SQLITE_FULL);
		int rc = sp_store_user_delete(s, &w.user.id, &err);
		disarm();
		ended = rc == 0;
		assert_int_equal(plan.hits, ended ? 0 : 1);
		if (!ended) assert_err(&err, SP_E_UNAVAILABLE, "store: user_delete ");
		/* Only the first commit decides about it. */
		assert_int_equal(sp_store_user_get(s, &w.user.id, NULL, &got, &err), ended || nth > 1 ? -1 : 0);
		struct sp_key k;
		assert_int_equal(sp_store_key_get(s, w.key.id, &k, &got, &err), ended || nth > 1 ? -1 : 0);
		if (nth > 1) must_user(s, "user@example.org"); /* the email is free */
		sp_store_close(s);
		assert_sound();

		s = open_db();
		const struct sp_retention r = {.rows_ms = 1000000, .data_ms = 1000000, .idempotency_ms = 1000000, .max = 100};
		int64_t leftovers = 0;
		do {
			assert_int_equal(sp_store_expire(s, &r, &done, &err), 0);
			assert_true(done.leftovers <= 100);
			leftovers += done.leftovers;
		} while (done.more);
		if (nth == 1) assert_int_equal(leftovers, 0);
		if (nth == 2) assert_int_equal(leftovers, 254);
		if (ended) assert_int_equal(leftovers, 0);
		assert_int_equal(number("SELECT count(*) FROM evaluations"), nth == 1 ? 254 : 0);
		assert_int_equal(number("SELECT count(*) FROM users WHERE deleted_at IS NOT NULL"), 0);
		sp_store_close(s);
		assert_sound();
		assert_true(nth < 50);
	}
}

/* Retention that fails anywhere has forgotten a part, and goes on the next time. */
static void interrupted_retention(void **state)
{
	bool ended = false;

	for (int nth = 1; !ended; nth++) {
		test_db_remove();
		struct sp_store *s = open_db();
		struct sp_expired done;
		struct sp_err err = {0};
		assert_int_equal(sp_sqlite_exec(s,
		                         "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 250) "
		                         "INSERT INTO evaluations (id, status, class, language, created_at, finished_at) "
		                         "SELECT CAST(printf('%s%010d', char(1, 1, 1, 1, 1, 1), i) AS BLOB), 2, 1, 'node', 1, 2 FROM n; "
		                         "INSERT INTO evaluation_data (id, output) SELECT id, zeroblob(1000) FROM evaluations",
		                         &err),
		        0);
		const struct sp_retention r = {.rows_ms = 1000, .data_ms = 1000, .idempotency_ms = 1000, .max = 1000};
		arm("store.statement", nth * 40, SQLITE_IOERR_WRITE);
		int rc = sp_store_expire(s, &r, &done, &err);
		disarm();
		ended = rc == 0;
		if (!ended) assert_err(&err, SP_E_UNAVAILABLE, "store: expire: delete");
		assert_int_equal(number("SELECT count(*) FROM evaluations"), number("SELECT count(*) FROM evaluation_data"));
		assert_int_equal(sp_store_expire(s, &r, &done, &err), 0);
		assert_int_equal(number("SELECT count(*) FROM evaluations"), 0);
		assert_int_equal(number("SELECT count(*) FROM evaluation_data"), 0);
		sp_store_close(s);
		assert_sound();
		assert_true(nth < 50);
	}
}

/* ---- space ---- */

static void space_is_given_back(void **state)
{
	struct sp_store *s = open_db();
	struct sp_id id;
	struct sp_expired done;
	struct sp_err err = {0};
	static char big[4 << 20];
	bool applied;

	for (int i = 0; i < 12; i++) {
		id = must_create(s, "x");
		assert_int_equal(must_claim(s, &id, LONG_LEASE_MS, NULL), SP_CLAIM_MINE);
		struct sp_finish f = {.id = id, .claim_no = 1, .status = SP_STATUS_FINISHED, .verdict = "ok", .output = {big, sizeof(big)}};
		assert_int_equal(sp_store_finish(s, &f, &applied, &err), 0);
	}
	int64_t pages = number("PRAGMA page_count"), rounds = 0;
	assert_true(pages > 12000);
	const struct sp_retention r = {.rows_ms = 1000000, .data_ms = 1, .idempotency_ms = 1000000, .max = 5};
	while (number("SELECT count(*) FROM evaluation_data") > 0) {
		assert_int_equal(sp_store_expire(s, &r, &done, &err), 0);
		assert_true(done.data <= 5);
		nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
	}
	/* A little each time, and some is kept for what comes. */
	int64_t last = number("PRAGMA page_count");
	assert_true(last > 6000);
	for (int64_t now;; last = now, rounds++) {
		assert_int_equal(sp_store_expire(s, &r, &done, &err), 0);
		if ((now = number("PRAGMA page_count")) == last) break;
		if (now > last || last - now > 1024 + 8) fail_msg("from %lld to %lld pages", (long long)last, (long long)now);
	}
	assert_true(rounds > 3);
	assert_true(last < 1024 + 512);
	assert_true(number("PRAGMA freelist_count") >= 1024 - 128);
	sp_store_close(s);
	assert_sound();
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        T(all_or_nothing),
	        T(interrupted_deletion_of_a_user),
	        T(interrupted_retention),
	        T(space_is_given_back),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	sp_log_setup(SP_LOG_ERROR, true);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	test_dir_remove();
	return failed != 0;
}
