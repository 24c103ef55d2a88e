/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdatomic.h>

#include "http/workpool.h"

static atomic_int ran;
static void run(struct sp_work *w) { atomic_fetch_add(&ran, 1); }

static void runs_what_waits_before_it_stops(void **state)
{
	struct sp_work w[100];
	struct sp_err err = {0};
	struct sp_workpool *p = sp_workpool_start("test", 3, SIZE_MAX, &err);

	assert_non_null(p);
	atomic_store(&ran, 0);
	for (size_t i = 0; i < SP_COUNT(w); i++) {
		w[i] = (struct sp_work){.fn = run};
		assert_true(sp_workpool_push(p, &w[i]));
	}
	sp_workpool_stop(p, false);
	assert_int_equal(atomic_load(&ran), SP_COUNT(w));
	sp_workpool_free(p);
}

/* Whoever pushes may come at any time until everybody who could is gone: between stop and free he is told no. */
static void refuses_between_stop_and_free(void **state)
{
	struct sp_work w = {.fn = run};
	struct sp_err err = {0};
	struct sp_workpool *p = sp_workpool_start("test", 1, 10, &err);

	assert_non_null(p);
	atomic_store(&ran, 0);
	sp_workpool_stop(p, true);
	assert_false(sp_workpool_push(p, &w));
	sp_workpool_free(p);
	assert_int_equal(atomic_load(&ran), 0);
	sp_workpool_stop(NULL, true);
	sp_workpool_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(runs_what_waits_before_it_stops),
	        cmocka_unit_test(refuses_between_stop_and_free),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
