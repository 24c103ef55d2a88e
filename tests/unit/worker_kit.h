/* SPDX-License-Identifier: MIT */
/*
 * What the tests of worker and janitor share: the real embedded store and broker, a fake runtime, and a front of the store that fails when told to. A test runs between bench() and bench_down(), starts
 * what it needs, and may change `cfg` before that.
 */
#ifndef SP_TESTS_WORKER_KIT_H
#define SP_TESTS_WORKER_KIT_H

#include "core_support.h"

#include <pthread.h>

#include "fake_runtime.h"
#include "store_front.h"
#include "worker/janitor.h"
#include "worker/worker.h"

/* ---- the bench ---- */

struct worker_front {
	struct store_front f;
	struct sp_store *real;
	pthread_mutex_t lock;
	/* under the lock */
	int claim_fails, finish_fails, renew_fails, release_fails; /* so many calls fail */
	enum sp_code code; /* with this */
	struct sp_id cancel, lose, old; /* the next renewal says so; a claim of `old` says that a lease ran out before */
	bool has_cancel, has_lose, has_old;
	bool cancel_at_claim; /* whatever is claimed is canceled before the worker hears of its claim */
	int renewals, finishes, claims;
};
extern struct worker_front front;

enum { LANG, COMP, MISSING, OLD, LANGUAGES };
extern struct sp_config cfg;
extern struct fake_runtime fake; /* two slots */
extern struct sp_broker *broker; /* holds 16 ids of a class */
extern struct sp_worker *worker; /* NULL until start_worker() */

void worker_kit_init(void); /* once, before all tests */
int bench(void **state);
int bench_down(void **state);
#define T(f) cmocka_unit_test_setup_teardown(f, bench, bench_down)

void start_worker(void);
void start_janitor(void);
/* What runs may go on for so long; afterwards `worker` is NULL. Nothing is done when it is. */
void drain(int64_t ms);

/* ---- rows: what goes wrong with them ends the test ---- */

void store_row(const struct sp_new_evaluation *in);
/* Stored, not published. more: what is not filled in from the program. */
struct sp_id create_with(int language, const char *program, struct sp_new_evaluation more);
struct sp_id create_as(int language, const char *program, enum sp_class class_);
struct sp_id create(const char *program);
void publish(const struct sp_id *id);
struct sp_id submit(const char *program); /* created and published */
struct sp_evaluation row_of(const struct sp_id *id);
json_t *object_of(const struct sp_id *id); /* as the API shows it; the caller's */
/* A user with a key, whose id it answers. */
const char *make_key(struct sp_id *user);
/* As the API does it. */
void request_cancel(const struct sp_id *id);
char *word(const char *s); /* for fields that are not const, of what nobody writes to */

/* ---- what is waited for and asserted; bounds of time only keep a broken test from hanging ---- */

void await_replies(int n); /* of the broker, since bench() */
void await_status(const struct sp_id *id, enum sp_status status);
struct sp_worker_stats stats(void);
/* A counter of stats(), by its offset, that reaches a value. */
void await_counter(size_t offset, uint64_t value);
void assert_text(const struct sp_id *id, const char *key, const char *want); /* want NULL: null, or absent */
void assert_reason(const struct sp_id *id, const char *code, const char *message, bool retryable); /* message: contained */

/* ---- fields of `front`, under its lock ---- */

void set_int(int *field, int value);
int get_int(const int *field);
void mark(struct sp_id *field, bool *has, const struct sp_id *id);

#endif
