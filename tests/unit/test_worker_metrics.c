/* SPDX-License-Identifier: MIT */
/* What the worker counts. The counts are the process's, so that differences are asserted. */
#include "worker_kit.h"

#include "metric_value.h"

#define ENDED(status, verdict) "serapis_evaluations_total{language=\"lang\",status=\"" status "\",verdict=\"" verdict "\"}"

static void counts_ends_once(void **state)
{
	static const char *const samples[] = {ENDED("finished", "ok"), ENDED("finished", "nonzero_exit"), ENDED("failed", "internal_error"),
	        ENDED("canceled", "none"), "serapis_stage_duration_seconds_count{stage=\"run\",language=\"lang\"}",
	        "serapis_stage_duration_seconds_count{stage=\"queue\",language=\"lang\"}",
	        "serapis_starts_total{language=\"lang\",kind=\"cold\",why=\"no_warm_start\"}", "serapis_leases_lost_total"};
	const double wanted[SP_COUNT(samples)] = {2, 1, 0, 1, 4, 4, 4, 0};
	double before[SP_COUNT(samples)];

	for (size_t i = 0; i < SP_COUNT(samples); i++) before[i] = metric_value(samples[i]);
	start_worker();
	struct sp_id a = submit("print x"), b = submit("exit 3"), c = submit("print y"), d = submit("hang");
	await_status(&a, SP_STATUS_FINISHED);
	await_status(&b, SP_STATUS_FINISHED);
	await_status(&c, SP_STATUS_FINISHED);
	/* A second delivery of one that has ended changes nothing. */
	publish(&a);
	await_replies(4);
	fake_await(&fake, &fake.hanging, 1);
	mark(&front.cancel, &front.has_cancel, &d);
	await_replies(5);
	for (size_t i = 0; i < SP_COUNT(samples); i++) {
		double got = metric_value(samples[i]) - before[i];
		if (got != wanted[i]) fail_msg("%s: %g, wanted %g", samples[i], got, wanted[i]);
	}
}

static void counts_what_was_lost(void **state)
{
	const char *lost = "serapis_leases_lost_total", *ended = ENDED("finished", "ok");
	double before = metric_value(lost), ended_before = metric_value(ended);

	start_worker();
	struct sp_id id = submit("hang");
	fake_await(&fake, &fake.hanging, 1);
	mark(&front.lose, &front.has_lose, &id);
	await_counter(offsetof(struct sp_worker_stats, lost), 1);
	for (int i = 0; i < 6000 && metric_value(lost) == before; i++) usleep(5000);
	assert_true(metric_value(lost) == before + 1);
	assert_true(metric_value(ended) == ended_before);
}

/* The store ends it within the claim: nothing has run, and it is counted all the same. */
static void counts_what_is_given_up(void **state)
{
	const char *failed = ENDED("failed", "internal_error"),
	           *run = "serapis_stage_duration_seconds_count{stage=\"run\",language=\"lang\"}";
	double before = metric_value(failed), run_before = metric_value(run);
	struct sp_id id = create("print x");
	struct sp_claim_request c = {.id = id, .evaluator_id = "dead", .lease_ms = 1, .max_lost = 1};
	enum sp_claim_outcome outcome;
	struct sp_stored s = {0};
	struct sp_err err = {0};

	if (sp_store_claim(front.real, &c, &outcome, &s, &err)) fail_msg("%s", err.msg);
	assert_int_equal(outcome, SP_CLAIM_MINE);
	sp_stored_fini(&s);
	usleep(10000);
	cfg.max_lost = 1;
	start_worker();
	publish(&id);
	await_replies(1);
	assert_int_equal(row_of(&id).status, SP_STATUS_FAILED);
	assert_true(metric_value(failed) == before + 1);
	assert_true(metric_value(run) == run_before);
}

static void slots_by_state(void **state)
{
	const char *busy = "serapis_slots{state=\"busy\"}", *idle = "serapis_slots{state=\"idle\"}",
	           *broken = "serapis_slots{state=\"broken\"}";
	const int n = 2; /* of the fake */

	assert_null(metric_text(busy));
	start_worker();
	assert_true(metric_value(busy) == 0 && metric_value(idle) == n && metric_value(broken) == 0);
	(void)submit("hold");
	fake_await(&fake, &fake.holding, 1);
	assert_true(metric_value(busy) == 1 && metric_value(idle) == n - 1);
	pthread_mutex_lock(&fake.lock);
	fake.healthy = 1;
	pthread_mutex_unlock(&fake.lock);
	assert_true(metric_value(busy) == 1 && metric_value(broken) == n - 1 && metric_value(idle) == 0);
	fake_release(&fake, 1);
	drain(60000);
	assert_null(metric_text(busy));
}

int main(void)
{
	worker_kit_init();
	const struct CMUnitTest tests[] = {
	        T(counts_ends_once),
	        T(counts_what_was_lost),
	        T(counts_what_is_given_up),
	        T(slots_by_state),
	};
	return cmocka_run_group_tests_name("worker_metrics", tests, NULL, NULL);
}
