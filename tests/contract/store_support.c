/* SPDX-License-Identifier: MIT */
#include "store_support.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/sqlite_internal.h"

static char dir[128];
static char url[256];

const char *test_dir(void)
{
	if (!dir[0]) {
		const char *tmp = getenv("TMPDIR");
		snprintf(dir, sizeof(dir), "%s/serapis-store-XXXXXX", tmp ? tmp : "/tmp");
		if (!mkdtemp(dir)) {
			perror(dir);
			exit(2);
		}
	}
	return dir;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) { return remove(path); }

void test_dir_remove(void)
{
	if (dir[0]) nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	dir[0] = '\0';
}

const char *test_url(void)
{
	snprintf(url, sizeof(url), "sqlite:%s/db/t.db", test_dir());
	return url;
}

const char *test_db(void) { return strchr(test_url(), ':') + 1; }

void test_db_remove(void)
{
	char path[200];

	snprintf(path, sizeof(path), "%s/db", test_dir());
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static struct sp_store *must_open(const char *at)
{
	struct sp_err err = {0};
	struct sp_store *s = sp_store_open(at, &err);

	if (!s) fail_msg("open %s: %s", at, err.msg);
	return s;
}

static struct sp_store *open_file(void) { return must_open(test_url()); }
static struct sp_store *open_memory(void) { return must_open("sqlite::memory:"); }
static void fresh_memory(void) {}

const struct backend backend_sqlite_file = {"sqlite-file", test_db_remove, open_file};
const struct backend backend_sqlite_memory = {"sqlite-memory", fresh_memory, open_memory};

const struct backend *backend;

bool contract_begin(int argc, char **argv)
{
	static const struct backend *const backends[] = {&backend_sqlite_file, &backend_sqlite_memory};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	sp_log_setup(SP_LOG_ERROR, true);
	for (size_t i = 0; i < SP_COUNT(backends) && argc == 2; i++)
		if (strcmp(argv[1], backends[i]->name) == 0) backend = backends[i];
	if (!backend) fprintf(stderr, "usage: %s BACKEND\n", argv[0]);
	return backend != NULL;
}

int contract_setup(void **state)
{
	backend->fresh();
	*state = backend->open();
	return 0;
}

int contract_teardown(void **state)
{
	sp_store_close(*state);
	return 0;
}

static struct sp_bytes bytes(const char *s)
{
	union {
		const char *in;
		char *out;
	} p = {s}; /* borrowed by the store, which does not write there */
	return (struct sp_bytes){p.out, strlen(s)};
}

struct sp_new_evaluation new_evaluation(const char *request)
{
	return (struct sp_new_evaluation){.id = sp_id_new(), .language = "node", .class_ = SP_CLASS_BULK, .request = bytes(request)};
}

enum sp_create_outcome try_create(struct sp_store *s, const struct sp_new_evaluation *in, struct sp_evaluation *row)
{
	enum sp_create_outcome outcome = SP_CREATE_NO_USER;
	struct sp_evaluation ignored;
	struct sp_err err = {0};

	if (sp_store_create(s, in, &outcome, row ? row : &ignored, &err) != 0) fail_msg("%s", err.msg);
	return outcome;
}

void must_create_as(struct sp_store *s, const struct sp_new_evaluation *in) { assert_int_equal(try_create(s, in, NULL), SP_CREATE_NEW); }

int must_scan(
        struct sp_store *s, enum sp_scan what, enum sp_class class_, const struct sp_id *after, struct sp_scan_item *items, size_t max)
{
	struct sp_scan_request in = {.what = what, .class_ = class_, .after = after};
	struct sp_err err = {0};
	int n = sp_store_scan(s, &in, items, max, &err);

	if (n < 0) fail_msg("%s", err.msg);
	return n;
}

struct sp_id must_create(struct sp_store *s, const char *request)
{
	struct sp_new_evaluation in = new_evaluation(request);

	must_create_as(s, &in);
	return in.id;
}

enum sp_claim_outcome must_claim(struct sp_store *s, const struct sp_id *id, int64_t lease_ms, struct sp_stored *out)
{
	struct sp_claim_request in = {.id = *id, .evaluator_id = EVALUATOR, .lease_ms = lease_ms, .max_lost = 3};
	enum sp_claim_outcome outcome;
	struct sp_stored mine;
	struct sp_err err = {0};

	if (sp_store_claim(s, &in, &outcome, &mine, &err) != 0) fail_msg("%s", err.msg);
	if (out)
		*out = mine;
	else
		sp_stored_fini(&mine);
	return outcome;
}

enum sp_claim_outcome must_claim_over(struct sp_store *s, const struct sp_id *id, int64_t lease_ms, struct sp_stored *out)
{
	for (;;) {
		enum sp_claim_outcome outcome = must_claim(s, id, lease_ms, out);
		if (outcome != SP_CLAIM_ELSEWHERE) return outcome;
		nanosleep(&(struct timespec){.tv_nsec = SP_NS_PER_MS}, NULL);
	}
}

bool must_finish(struct sp_store *s, const struct sp_id *id, int64_t claim_no, const char *output)
{
	struct sp_finish in = {.id = *id,
	        .claim_no = claim_no,
	        .status = SP_STATUS_FINISHED,
	        .verdict = "ok",
	        .stage = "run",
	        .has_exit_code = true,
	        .result = bytes("{}"),
	        .output = bytes(output)};
	struct sp_err err = {0};
	bool applied;

	if (sp_store_finish(s, &in, &applied, &err) != 0) fail_msg("%s", err.msg);
	return applied;
}

bool must_release(struct sp_store *s, const struct sp_id *id, int64_t claim_no)
{
	struct sp_err err = {0};
	bool applied;

	if (sp_store_release(s, id, claim_no, false, &applied, &err) != 0) fail_msg("%s", err.msg);
	return applied;
}

struct sp_evaluation must_cancel(struct sp_store *s, const struct sp_id *id)
{
	struct sp_evaluation row;
	struct sp_err err = {0};

	if (sp_store_cancel(s, id, SP_CANCEL_REQUESTED, &row, &err) != 0) fail_msg("%s", err.msg);
	return row;
}

void must_get(struct sp_store *s, const struct sp_id *id, bool with_data, struct sp_stored *out)
{
	struct sp_err err = {0};

	if (sp_store_get(s, id, with_data, out, &err) != 0) fail_msg("%s", err.msg);
}

struct sp_evaluation must_row(struct sp_store *s, const struct sp_id *id)
{
	struct sp_stored st;

	must_get(s, id, false, &st);
	return st.row;
}

bool exists(struct sp_store *s, const struct sp_id *id)
{
	struct sp_stored st;
	struct sp_err err = {0};

	if (sp_store_get(s, id, false, &st, &err) == 0) return true;
	if (err.code != SP_E_NOT_FOUND) fail_msg("%s", err.msg);
	return false;
}

struct sp_user must_user(struct sp_store *s, const char *email)
{
	struct sp_new_user in = {.id = sp_id_new(), .email = email};
	struct sp_user u;
	struct sp_err err = {0};

	if (sp_store_user_add(s, &in, &u, &err) != 0) fail_msg("%s", err.msg);
	return u;
}

struct sp_new_key new_key(void)
{
	static unsigned n;
	static char ids[4096][SP_KEY_ID_LEN]; /* stay, as what borrows them may */
	char *id = ids[++n % SP_COUNT(ids)];
	struct sp_new_key in = {.id = id};

	snprintf(id, SP_KEY_ID_LEN, "%016x", n);
	memset(in.hash, (int)n, sizeof(in.hash));
	return in;
}

struct sp_key must_key(struct sp_store *s, const struct sp_user *u)
{
	struct sp_new_key in = new_key();
	struct sp_key k;
	struct sp_err err = {0};

	if (sp_store_key_add(s, &u->id, &in, &k, &err) != 0) fail_msg("%s", err.msg);
	return k;
}

struct sp_new_evaluation new_of(const struct sp_user *u, const struct sp_key *k)
{
	struct sp_new_evaluation in = new_evaluation("x");

	in.user_id = &u->id;
	in.key_id = k->id;
	return in;
}

void assert_same_row(const struct sp_evaluation *a, const struct sp_evaluation *b)
{
	assert_true(sp_id_equal(&a->id, &b->id));
	assert_int_equal(a->status, b->status);
	assert_int_equal(a->class_, b->class_);
	assert_string_equal(a->language, b->language);
	assert_string_equal(a->verdict, b->verdict);
	assert_string_equal(a->stage, b->stage);
	assert_string_equal(a->signal, b->signal);
	assert_string_equal(a->reference, b->reference);
	assert_string_equal(a->evaluator_id, b->evaluator_id);
	assert_int_equal(a->has_exit_code, b->has_exit_code);
	assert_int_equal(a->has_reference, b->has_reference);
	assert_int_equal(a->exit_code, b->exit_code);
	assert_int_equal(a->has_user, b->has_user);
	assert_true(sp_id_equal(&a->user_id, &b->user_id));
	assert_string_equal(a->key_id, b->key_id);
	assert_int_equal(a->max_running, b->max_running);
	assert_int_equal(a->max_runs, b->max_runs);
	assert_int_equal(a->begun, b->begun);
	assert_int_equal(a->claim_no, b->claim_no);
	assert_int_equal(a->lost, b->lost);
	assert_int_equal(a->cancel_requested, b->cancel_requested);
	assert_int_equal(a->created_at_ms, b->created_at_ms);
	assert_int_equal(a->started_at_ms, b->started_at_ms);
	assert_int_equal(a->finished_at_ms, b->finished_at_ms);
	assert_int_equal(a->lease_until_ms, b->lease_until_ms);
}

void assert_bytes(const struct sp_bytes *got, const char *want)
{
	assert_int_equal(got->n, strlen(want));
	if (got->n) assert_memory_equal(got->p, want, got->n);
}

void assert_err(const struct sp_err *err, enum sp_code code, const char *part)
{
	if (err->code != code || !strstr(err->msg, part))
		fail_msg("got %s \"%s\", want %s with \"%s\"", sp_code_name(err->code), err->msg, sp_code_name(code), part);
}

struct sp_store *open_db(void) { return backend_sqlite_file.open(); }

/* One number from the database, read by a connection of the test's own. */
int64_t number(const char *sql)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *st = NULL;

	assert_int_equal(sqlite3_open_v2(test_db(), &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK || sqlite3_step(st) != SQLITE_ROW)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	int64_t n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return n;
}

void assert_sound(void)
{
	assert_int_equal(number("SELECT integrity_check = 'ok' FROM pragma_integrity_check"), 1);
	assert_int_equal(number("SELECT count(*) FROM pragma_foreign_key_check"), 0);
	assert_int_equal(number("SELECT count(*) FROM evaluations e WHERE e.status < 2 AND NOT EXISTS (SELECT 1 FROM evaluation_data d "
	                        "WHERE d.id = e.id)"),
	        0);
	assert_int_equal(number("SELECT count(*) FROM evaluations WHERE user_id IS NOT NULL AND user_id NOT IN (SELECT id FROM users)"), 0);
}
