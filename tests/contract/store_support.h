/* SPDX-License-Identifier: MIT */
/* What the tests of the store share. A test that cannot go on fails through cmocka. */
#ifndef SP_TESTS_STORE_SUPPORT_H
#define SP_TESTS_STORE_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"
#include "store/accounts.h"
#include "store/history.h"
#include "store/store.h"

/* A back-end under test. */
struct backend {
	const char *name;
	void (*fresh)(void); /* the next open finds nothing */
	struct sp_store *(*open)(void); /* never NULL */
};
extern const struct backend backend_sqlite_file, backend_sqlite_memory;

/* Suites that run for the back-end that is named on the command line. */
extern const struct backend *backend;
int contract_setup(void **state); /* *state: the open store, with nothing in it */
int contract_teardown(void **state);
bool contract_begin(int argc, char **argv); /* false: no such back-end */
#define CONTRACT_TEST(f) cmocka_unit_test_setup_teardown(f, contract_setup, contract_teardown)
#define CONTRACT_MAIN(tests) \
	int main(int argc, char **argv) \
	{ \
		if (!contract_begin(argc, argv)) return 2; \
		int failed = cmocka_run_group_tests_name(backend->name, tests, NULL, NULL); \
		test_dir_remove(); \
		return failed != 0; \
	}

/* The directory of this process's test databases, made on first use. */
const char *test_dir(void);
void test_dir_remove(void);
/* "sqlite:<test_dir>/db/t.db", and the path of the file. */
const char *test_url(void);
const char *test_db(void);
/* Removes everything that an earlier test left of it. */
void test_db_remove(void);

#define EVALUATOR "evaluator-1"
#define LONG_LEASE_MS 3600000

struct sp_new_evaluation new_evaluation(const char *request); /* node, bulk, no reference */
enum sp_create_outcome try_create(struct sp_store *s, const struct sp_new_evaluation *in, struct sp_evaluation *row); /* row: may be NULL */
void must_create_as(struct sp_store *s, const struct sp_new_evaluation *in); /* and it is a new one */
struct sp_id must_create(struct sp_store *s, const char *request);
/* Claims with max_lost 3; the stored is freed when out is NULL. */
enum sp_claim_outcome must_claim(struct sp_store *s, const struct sp_id *id, int64_t lease_ms, struct sp_stored *out);
/* Claims until the lease of another claim is over. */
enum sp_claim_outcome must_claim_over(struct sp_store *s, const struct sp_id *id, int64_t lease_ms, struct sp_stored *out);
bool must_finish(struct sp_store *s, const struct sp_id *id, int64_t claim_no, const char *output);
bool must_release(struct sp_store *s, const struct sp_id *id, int64_t claim_no);
int must_scan(
        struct sp_store *s, enum sp_scan what, enum sp_class class_, const struct sp_id *after, struct sp_scan_item *items, size_t max);
struct sp_evaluation must_cancel(struct sp_store *s, const struct sp_id *id);
void must_get(struct sp_store *s, const struct sp_id *id, bool with_data, struct sp_stored *out);
struct sp_evaluation must_row(struct sp_store *s, const struct sp_id *id);
bool exists(struct sp_store *s, const struct sp_id *id);

/* A user, and a key of that user without limits of its own. */
struct sp_user must_user(struct sp_store *s, const char *email);
struct sp_key must_key(struct sp_store *s, const struct sp_user *u);
struct sp_new_key new_key(void); /* with an id of its own */
struct sp_new_evaluation new_of(const struct sp_user *u, const struct sp_key *k); /* user and key are borrowed */

void assert_same_row(const struct sp_evaluation *a, const struct sp_evaluation *b);
void assert_bytes(const struct sp_bytes *got, const char *want);
void assert_err(const struct sp_err *err, enum sp_code code, const char *part_of_message);

/* A test of the contract that has a file of its own: store_crowd.c. *state is the open store. */
void store_crowd(void **state);

/* SQLite's file only. */
struct sp_store *open_db(void);
int64_t number(const char *sql); /* first column of the first row, read by a connection of the test's own */
void assert_sound(void); /* integrity, foreign keys, a request for every row that has not ended, and a user for every row that names one */

#endif
