/* SPDX-License-Identifier: MIT */
/* The janitor beside the worker: what no queue knows of, what is old. */
#include "worker_kit.h"

static void janitor_finds_all_that_wait(void **state)
{
	struct sp_id ids[60];

	/* More than the broker's queue of 16 holds; nobody has published them. */
	for (size_t i = 0; i < SP_COUNT(ids); i++) ids[i] = create_as(LANG, "print x", i % 2 ? SP_CLASS_BULK : SP_CLASS_INTERACTIVE);
	start_janitor();
	size_t depth[SP_CLASSES];
	bool over;
	sp_broker_depth(broker, depth, &over);
	assert_int_equal(depth[SP_CLASS_INTERACTIVE], 16);
	assert_int_equal(depth[SP_CLASS_BULK], 16);
	start_worker();
	for (size_t i = 0; i < SP_COUNT(ids); i++) await_status(&ids[i], SP_STATUS_FINISHED);
	for (size_t i = 0; i < SP_COUNT(ids); i++) assert_int_equal(row_of(&ids[i]).claim_no, 1);
}

static void janitor_finds_what_was_dropped(void **state)
{
	start_worker();
	start_janitor();
	/* Both slots are busy while more comes than the queue holds. */
	struct sp_id a = submit("hold"), b = submit("hold"), ids[40];
	fake_await(&fake, &fake.holding, 2);
	for (size_t i = 0; i < SP_COUNT(ids); i++) ids[i] = submit("print x");
	fake_release(&fake, 2);
	await_status(&a, SP_STATUS_FINISHED);
	await_status(&b, SP_STATUS_FINISHED);
	for (size_t i = 0; i < SP_COUNT(ids); i++) await_status(&ids[i], SP_STATUS_FINISHED);
}

static void janitor_finds_later_what_no_queue_knows(void **state)
{
	start_worker();
	start_janitor();
	struct sp_id id = create("print x");
	await_status(&id, SP_STATUS_FINISHED);
}

static void janitor_finds_dead_evaluators(void **state)
{
	struct sp_id id = create("print x");
	struct sp_claim_request c = {.id = id, .evaluator_id = "dead", .lease_ms = 30, .max_lost = 3};
	enum sp_claim_outcome outcome;
	struct sp_stored s = {0};
	struct sp_err err = {0};

	if (sp_store_claim(front.real, &c, &outcome, &s, &err)) fail_msg("%s", err.msg);
	sp_stored_fini(&s);
	start_worker();
	start_janitor();
	await_status(&id, SP_STATUS_FINISHED);
	assert_int_equal(row_of(&id).claim_no, 2);
	assert_int_equal(row_of(&id).lost, 1);
}

/* Many of what nobody waits for do not stand before what somebody waits for. */
static void janitor_publishes_interactive_first(void **state)
{
	const struct sp_new_evaluation row = {.language = "lang", .class_ = SP_CLASS_BULK, .request = {.p = word("{}"), .n = 2}};
	size_t depth[SP_CLASSES];
	bool over;

	for (int i = 0; i < 1200; i++) {
		struct sp_new_evaluation in = row;
		in.id = sp_id_new();
		store_row(&in);
	}
	for (int i = 0; i < 3; i++) create("print x");
	start_janitor();
	sp_broker_depth(broker, depth, &over);
	assert_int_equal(depth[SP_CLASS_INTERACTIVE], 3);
	assert_int_equal(depth[SP_CLASS_BULK], 16);
}

/* Also while the queues are not empty, which is when nothing else that waits is looked for. */
static void janitor_finds_keys_that_may_run_more(void **state)
{
	struct sp_id user;
	const char *key = make_key(&user);
	size_t depth[SP_CLASSES];
	bool over;

	start_janitor();
	struct sp_id queued = create("print x"),
	             limited = create_with(LANG, "print x", (struct sp_new_evaluation){.user_id = &user, .key_id = key, .max_running = 1});
	publish(&queued);
	for (int i = 0; i < 6000; i++) {
		sp_broker_depth(broker, depth, &over);
		if (depth[SP_CLASS_INTERACTIVE] == 2) break;
		usleep(5000);
	}
	assert_int_equal(depth[SP_CLASS_INTERACTIVE], 2);
	start_worker();
	await_status(&limited, SP_STATUS_FINISHED);
}

static bool exists(const struct sp_id *id)
{
	struct sp_stored s;
	struct sp_err err = {0};

	if (sp_store_get(front.real, id, false, &s, &err) == 0) return true;
	if (err.code != SP_E_NOT_FOUND) fail_msg("%s", err.msg);
	return false;
}

static void janitor_forgets_what_is_old(void **state)
{
	cfg.retention_rows_ms = cfg.retention_data_ms = cfg.idempotency_keep_ms = 40;
	struct sp_id waits = create("hold"), ended;

	start_worker();
	start_janitor();
	fake_await(&fake, &fake.holding, 1);
	ended = submit("print x");
	for (int i = 0; i < 6000 && exists(&ended); i++) usleep(5000);
	assert_false(exists(&ended));
	/* What has not ended is not old, however long it takes. */
	assert_int_equal(row_of(&waits).status, SP_STATUS_EVALUATING);
	fake_release(&fake, 1);
	for (int i = 0; i < 6000 && exists(&waits); i++) usleep(5000);
	assert_false(exists(&waits));
}

int main(void)
{
	worker_kit_init();
	const struct CMUnitTest tests[] = {
	        T(janitor_finds_all_that_wait),
	        T(janitor_finds_what_was_dropped),
	        T(janitor_finds_later_what_no_queue_knows),
	        T(janitor_finds_dead_evaluators),
	        T(janitor_publishes_interactive_first),
	        T(janitor_finds_keys_that_may_run_more),
	        T(janitor_forgets_what_is_old),
	};
	return cmocka_run_group_tests_name("worker_janitor", tests, NULL, NULL);
}
