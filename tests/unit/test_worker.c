/* SPDX-License-Identifier: MIT */
/* The worker: languages, runs, deliveries, a store that is away, its end. */
#include "worker_kit.h"

#include "base/clock.h"
#include "core/result.h"

/* ---- languages and readiness ---- */

static void probes_languages(void **state)
{
	struct sp_language_state st;

	start_worker();
	struct sp_id id = submit("print x");
	await_status(&id, SP_STATUS_FINISHED); /* taken after all were asked */
	sp_worker_language(worker, LANG, &st);
	assert_true(st.available);
	assert_string_equal(st.version, "1.2.3");
	sp_worker_language(worker, MISSING, &st);
	assert_false(st.available);
	assert_contains(st.why, "missing");
	sp_worker_language(worker, OLD, &st);
	assert_false(st.available);
	assert_string_equal(st.why, "what old printed has no version in it (pattern ^v([0-9.]+)$)");
	assert_null(sp_worker_not_ready(worker));
	pthread_mutex_lock(&fake.lock);
	fake.healthy = 0;
	pthread_mutex_unlock(&fake.lock);
	assert_string_equal(sp_worker_not_ready(worker), "no slot of the evaluator can run programs");
}

static void takes_nothing_without_a_healthy_slot(void **state)
{
	fake.healthy = 0;
	start_worker();
	struct sp_id id = submit("print x");
	usleep(100000);
	assert_int_equal(row_of(&id).status, SP_STATUS_CREATED);
	pthread_mutex_lock(&fake.lock);
	fake.healthy = 1;
	pthread_mutex_unlock(&fake.lock);
	await_status(&id, SP_STATUS_FINISHED);
	assert_int_equal(row_of(&id).claim_no, 1);
}

static void languages_that_cannot_run(void **state)
{
	struct sp_new_evaluation in = {.id = sp_id_new(), .language = "cobol", .request = {.p = word("{}"), .n = 2}};

	start_worker();
	struct sp_id missing = create_as(MISSING, "print x", SP_CLASS_INTERACTIVE);
	publish(&missing);
	await_status(&missing, SP_STATUS_FAILED);
	assert_text(&missing, "verdict", "internal_error");
	assert_text(&missing, "output", NULL);
	assert_reason(&missing, "language_unavailable", "Lang is not available on this evaluator: ", false);
	store_row(&in);
	publish(&in.id);
	await_status(&in.id, SP_STATUS_FAILED);
	assert_reason(&in.id, "language_unavailable", "cobol", false);
	/* A row whose request is no stored form of ours. */
	in.id = sp_id_new();
	in.language = "lang";
	store_row(&in);
	publish(&in.id);
	await_status(&in.id, SP_STATUS_FAILED);
	assert_reason(&in.id, "internal_error", "stored request", false);
	await_replies(3);
}

/* ---- runs ---- */

static void runs_and_replies(void **state)
{
	start_worker();
	struct sp_id id = submit("print hello");
	await_replies(1);
	/* The reply comes after the result is stored. */
	assert_int_equal(row_of(&id).status, SP_STATUS_FINISHED);
	json_t *o = object_of(&id);
	assert_json(json_object_get(o, "runtime"), "{'version':'1.2.3','start':'cold'}");
	assert_json(json_object_get(o, "enforced"), "['memory']");
	assert_json(json_object_get(o, "usage"), "{'cpu_ms':1,'wall_ms':2,'memory_peak_bytes':4096}");
	json_decref(o);
	assert_text(&id, "verdict", "ok");
	assert_text(&id, "stdout", "hello");
	assert_int_equal(row_of(&id).claim_no, 1);
	await_counter(offsetof(struct sp_worker_stats, runs), 1);
	assert_int_equal(stats().slots, 2);

	id = submit("exit 3");
	await_replies(2);
	assert_text(&id, "verdict", "nonzero_exit");
	assert_int_equal(row_of(&id).exit_code, 3);
}

static void gives_the_program_what_was_asked(void **state)
{
	start_worker();
	struct sp_id id = submit("env");
	await_replies(1);
	assert_text(&id, "stdout", "lang|main.lg|arg|PATH=/usr/local/bin:/usr/bin:/bin|HOME=/box|LANG=C.UTF-8|TMPDIR=/tmp|NAME=value|");
	assert_text(&id, "stderr", "input");
}

static void compiles_first(void **state)
{
	start_worker();
	struct sp_id good = create_as(COMP, "print x", SP_CLASS_BULK), bad = create_as(COMP, "badcompile", SP_CLASS_BULK);
	publish(&good);
	publish(&bad);
	await_replies(2);
	assert_text(&good, "output", "x");
	assert_text(&good, "stage", "run");
	assert_text(&bad, "output", "error");
	assert_text(&bad, "stage", "compile");
	assert_text(&bad, "verdict", "compile_error");
	json_t *o = object_of(&good);
	assert_string_equal(json_string_value(json_object_get(json_object_get(o, "compile"), "output")), "compiled");
	json_decref(o);
	fake_await(&fake, &fake.programs, 1);
}

static void failures_of_the_runtime(void **state)
{
	start_worker();
	struct sp_id a = submit("nocommand"), b = submit("broken");
	await_replies(2);
	assert_int_equal(row_of(&a).status, SP_STATUS_FAILED);
	assert_reason(&a, "command_not_found", "cannot run lang", false);
	assert_reason(&b, "internal_error", "something broke", false);
}

static void lost_runtime_is_tried_again(void **state)
{
	start_worker();
	struct sp_id id = submit("lose 2");
	await_status(&id, SP_STATUS_FINISHED);
	assert_text(&id, "output", "found");
	assert_int_equal(row_of(&id).claim_no, 3);
	assert_int_equal(row_of(&id).lost, 0);
	assert_int_equal(stats().released, 2);
}

static void lost_runtime_ends_some_time(void **state)
{
	start_worker();
	struct sp_id id = submit("lose 1000");
	await_status(&id, SP_STATUS_FAILED);
	assert_int_equal(row_of(&id).claim_no, 4);
	assert_reason(&id, "runtime_unavailable", "the box was lost", true);
	fake_await(&fake, &fake.programs, 4);
}

static void late_interrupts_do_no_harm(void **state)
{
	start_worker();
	struct sp_id id = submit("spurious 2");
	await_status(&id, SP_STATUS_FINISHED);
	assert_text(&id, "output", "late");
	assert_int_equal(row_of(&id).claim_no, 1);
}

/* ---- deliveries ---- */

static void deliveries_of_nothing(void **state)
{
	start_worker();
	struct sp_id absent = sp_id_new(), id = submit("print x");
	await_replies(1);
	publish(&absent);
	publish(&id); /* terminal: replied again, not run again */
	await_replies(2);
	fake_await(&fake, &fake.programs, 1);
	assert_int_equal(row_of(&id).claim_no, 1);
}

static void second_delivery_of_a_running_one(void **state)
{
	start_worker();
	struct sp_id id = submit("hold");
	fake_await(&fake, &fake.holding, 1);
	publish(&id);
	/* The other slot has dealt with it once it has done what came after it. */
	struct sp_id next = submit("print x");
	await_status(&next, SP_STATUS_FINISHED);
	fake_release(&fake, 1);
	await_status(&id, SP_STATUS_FINISHED);
	assert_int_equal(row_of(&id).claim_no, 1);
	fake_await(&fake, &fake.programs, 2);
}

static void given_up_by_the_store(void **state)
{
	struct sp_id id = create("print x");
	struct sp_claim_request c = {.id = id, .evaluator_id = "dead", .lease_ms = 1, .max_lost = 3};
	struct sp_err err = {0};

	for (int i = 0; i < 3;) {
		enum sp_claim_outcome outcome;
		struct sp_stored s = {0};
		if (sp_store_claim(front.real, &c, &outcome, &s, &err)) fail_msg("%s", err.msg);
		i += outcome == SP_CLAIM_MINE;
		sp_stored_fini(&s);
		usleep(2000);
	}
	start_worker();
	publish(&id);
	await_replies(1);
	assert_int_equal(row_of(&id).status, SP_STATUS_FAILED);
	assert_reason(&id, "evaluator_lost", "", true);
}

/* ---- a store that is away ---- */

static void claims_when_the_store_is_back(void **state)
{
	front.claim_fails = 2;
	start_worker();
	struct sp_id id = submit("print x");
	await_status(&id, SP_STATUS_FINISHED);
	assert_int_equal(row_of(&id).claim_no, 1);
}

static void keeps_the_result_until_the_store_is_back(void **state)
{
	front.finish_fails = 3;
	start_worker();
	struct sp_id id = submit("print x");
	await_replies(1);
	assert_text(&id, "output", "x");
	assert_int_equal(get_int(&front.finishes), 4);
	fake_await(&fake, &fake.programs, 1);
}

static void says_so_when_the_store_will_not_have_it(void **state)
{
	front.code = SP_E_INVALID;
	front.finish_fails = 5;
	start_worker();
	struct sp_id id = submit("print x");
	await_replies(1);
	assert_int_equal(row_of(&id).status, SP_STATUS_FAILED);
	assert_text(&id, "output", NULL);
	assert_reason(&id, "result_not_stored", "could not be stored", false);
}

/* ---- drain ---- */

static void *drain_for_long(void *cls)
{
	drain(60000);
	return NULL;
}

static void drain_lets_runs_end(void **state)
{
	pthread_t t;

	start_worker();
	struct sp_id running = submit("hold");
	fake_await(&fake, &fake.holding, 1);
	assert_int_equal(pthread_create(&t, NULL, drain_for_long, NULL), 0);
	struct sp_delivery d;
	while (sp_broker_take(broker, 0, &d) != SP_TAKE_STOPPED) usleep(1000);
	struct sp_id waiting = submit("print x");
	fake_release(&fake, 1);
	pthread_join(t, NULL);
	assert_int_equal(row_of(&running).status, SP_STATUS_FINISHED);
	assert_int_equal(row_of(&waiting).status, SP_STATUS_CREATED);
	assert_int_equal(row_of(&waiting).claim_no, 0);
}

static void drain_gives_back_what_does_not_end(void **state)
{
	start_worker();
	struct sp_id a = submit("hang"), b = submit("hang");
	fake_await(&fake, &fake.hanging, 2);
	drain(0);
	assert_int_equal(row_of(&a).status, SP_STATUS_CREATED);
	assert_int_equal(row_of(&b).status, SP_STATUS_CREATED);
	assert_int_equal(row_of(&a).lost, 0);
	assert_int_equal(get_int(&front.finishes), 0);
}

static void drain_gives_back_what_has_not_begun(void **state)
{
	pthread_t t;

	start_worker();
	struct sp_id first = submit("hold");
	fake_await(&fake, &fake.holding, 1);
	struct sp_id waits = create("print x");
	mark(&front.old, &front.has_old, &waits);
	publish(&waits);
	await_status(&waits, SP_STATUS_EVALUATING);
	assert_int_equal(pthread_create(&t, NULL, drain_for_long, NULL), 0);
	/* Given back while the other still runs. */
	await_status(&waits, SP_STATUS_CREATED);
	assert_int_equal(row_of(&first).status, SP_STATUS_EVALUATING);
	fake_release(&fake, 1);
	pthread_join(t, NULL);
	assert_int_equal(row_of(&first).status, SP_STATUS_FINISHED);
}

static void drain_with_the_store_away(void **state)
{
	start_worker();
	set_int(&front.finish_fails, 1000000);
	struct sp_id id = submit("print x");
	for (int i = 0; i < 6000 && get_int(&front.finishes) == 0; i++) usleep(5000);
	drain(0);
	/* Left to its lease: not lost, not judged twice. */
	assert_int_equal(row_of(&id).status, SP_STATUS_EVALUATING);
}

/* ---- all at once ---- */

static void many(void **state)
{
	struct sp_id ids[200];

	cfg.max_lost = 100;
	start_worker();
	start_janitor();
	for (size_t i = 0; i < SP_COUNT(ids); i++) ids[i] = i % 3 ? submit("print x") : create("exit 1");
	for (size_t i = 0; i < SP_COUNT(ids); i++) await_status(&ids[i], SP_STATUS_FINISHED);
	assert_int_equal(stats().runs, SP_COUNT(ids));
	assert_int_equal(stats().lost, 0);
	for (size_t i = 0; i < SP_COUNT(ids); i++) assert_text(&ids[i], "verdict", i % 3 ? "ok" : "nonzero_exit");
}

int main(void)
{
	worker_kit_init();
	const struct CMUnitTest tests[] = {
	        T(probes_languages),
	        T(takes_nothing_without_a_healthy_slot),
	        T(languages_that_cannot_run),
	        T(runs_and_replies),
	        T(gives_the_program_what_was_asked),
	        T(compiles_first),
	        T(failures_of_the_runtime),
	        T(lost_runtime_is_tried_again),
	        T(lost_runtime_ends_some_time),
	        T(late_interrupts_do_no_harm),
	        T(deliveries_of_nothing),
	        T(second_delivery_of_a_running_one),
	        T(given_up_by_the_store),
	        T(claims_when_the_store_is_back),
	        T(keeps_the_result_until_the_store_is_back),
	        T(says_so_when_the_store_will_not_have_it),
	        T(drain_lets_runs_end),
	        T(drain_gives_back_what_does_not_end),
	        T(drain_gives_back_what_has_not_begun),
	        T(drain_with_the_store_away),
	        T(many),
	};
	return cmocka_run_group_tests_name("worker", tests, NULL, NULL);
}
