/* SPDX-License-Identifier: MIT */
/* The worker: leases, cancels, what is begun once only, bounds of a key. */
#include "worker_kit.h"

/* ---- leases ---- */

static void cancels_what_runs(void **state)
{
	start_worker();
	struct sp_id id = submit("hang");
	fake_await(&fake, &fake.hanging, 1);
	mark(&front.cancel, &front.has_cancel, &id);
	await_replies(1);
	assert_int_equal(row_of(&id).status, SP_STATUS_CANCELED);
	assert_text(&id, "verdict", NULL);
	assert_reason(&id, "canceled", "canceled on request", false);
	/* The slot goes on. */
	id = submit("print x");
	await_status(&id, SP_STATUS_FINISHED);
}

static void cancels_at_once_when_told_to_look(void **state)
{
	cfg.lease_renew_ms = 3600000; /* nothing comes of waiting */
	start_worker();
	struct sp_id id = submit("hang"), other = submit("hold");
	fake_await(&fake, &fake.hanging, 1);
	fake_await(&fake, &fake.holding, 1);
	request_cancel(&id);
	await_status(&id, SP_STATUS_CANCELED);
	assert_reason(&id, "canceled", "canceled on request", false);
	assert_int_equal(row_of(&other).status, SP_STATUS_EVALUATING);
	fake_release(&fake, 1);
	await_status(&other, SP_STATUS_FINISHED);
}

static void a_look_sees_what_is_being_claimed(void **state)
{
	cfg.lease_renew_ms = 3600000;
	front.cancel_at_claim = true;
	start_worker();
	struct sp_id id = submit("hang");
	await_status(&id, SP_STATUS_CANCELED);
}

static void erased_while_it_runs(void **state)
{
	struct sp_evaluation row;
	struct sp_err err = {0};

	cfg.lease_renew_ms = 3600000;
	start_worker();
	struct sp_id id = submit("hang");
	fake_await(&fake, &fake.hanging, 1);
	if (sp_store_erase(front.real, &id, &row, &err)) fail_msg("%s", err.msg);
	sp_worker_look(worker);
	await_counter(offsetof(struct sp_worker_stats, lost), 1);
	assert_int_equal(get_int(&front.finishes), 0);
	id = submit("print x");
	await_status(&id, SP_STATUS_FINISHED);
}

static void discards_what_was_lost(void **state)
{
	start_worker();
	struct sp_id id = submit("hang");
	fake_await(&fake, &fake.hanging, 1);
	mark(&front.lose, &front.has_lose, &id);
	await_counter(offsetof(struct sp_worker_stats, lost), 1);
	/* Nothing was written: the row is as the claim left it. */
	assert_int_equal(row_of(&id).status, SP_STATUS_EVALUATING);
	assert_int_equal(get_int(&front.finishes), 0);
	assert_int_equal(stats().runs, 0);
}

static void renewals_go_on_after_a_failure(void **state)
{
	start_worker();
	struct sp_id id = submit("hold");
	fake_await(&fake, &fake.holding, 1);
	set_int(&front.renew_fails, 3);
	int before = get_int(&front.renewals);
	for (int i = 0; i < 6000 && get_int(&front.renewals) < before + 2; i++) usleep(5000);
	assert_true(get_int(&front.renewals) >= before + 2);
	assert_int_equal(get_int(&front.renew_fails), 0);
	fake_release(&fake, 1);
	await_status(&id, SP_STATUS_FINISHED);
}

/* A store that renews for nobody while a program runs: longer than the lease. */
static void fenced_off(void **state)
{
	struct sp_err err = {0};

	cfg.lease_ms = 50;
	start_worker();
	set_int(&front.renew_fails, 1000000);
	struct sp_id id = submit("hold");
	fake_await(&fake, &fake.holding, 1);
	/* Another evaluator takes it over. */
	struct sp_claim_request c = {.id = id, .evaluator_id = "other", .lease_ms = 60000, .max_lost = 3};
	enum sp_claim_outcome outcome = SP_CLAIM_ELSEWHERE;
	for (int i = 0; i < 6000 && outcome != SP_CLAIM_MINE; i++) {
		struct sp_stored s = {0};
		if (sp_store_claim(front.real, &c, &outcome, &s, &err)) fail_msg("%s", err.msg);
		sp_stored_fini(&s);
		usleep(5000);
	}
	assert_int_equal(outcome, SP_CLAIM_MINE);
	fake_release(&fake, 1);
	await_counter(offsetof(struct sp_worker_stats, lost), 1);
	assert_int_equal(row_of(&id).status, SP_STATUS_EVALUATING);
	assert_int_equal(row_of(&id).claim_no, 2);
	set_int(&front.renew_fails, 0);
}

/* A store that stood still: the lease is over, but nobody took the run over, and this process does not take it from itself. */
static void kept_past_its_lease(void **state)
{
	struct sp_scan_request in = {.what = SP_SCAN_EXPIRED};
	struct sp_scan_item item;
	struct sp_err err = {0};
	int n = 0;

	cfg.lease_ms = 50;
	start_worker();
	set_int(&front.renew_fails, 1000000);
	struct sp_id id = submit("hold");
	fake_await(&fake, &fake.holding, 1);
	for (int i = 0; i < 6000 && n == 0; i++) {
		if ((n = sp_store_scan(front.real, &in, &item, 1, &err)) < 0) fail_msg("%s", err.msg);
		usleep(5000);
	}
	assert_int_equal(n, 1);
	int claims = get_int(&front.claims);
	publish(&id);
	/* Behind it in the queue. */
	struct sp_id next = submit("print x");
	await_status(&next, SP_STATUS_FINISHED);
	assert_int_equal(get_int(&front.claims), claims + 1);
	set_int(&front.renew_fails, 0);
	fake_release(&fake, 1);
	await_status(&id, SP_STATUS_FINISHED);
	assert_int_equal(row_of(&id).claim_no, 1);
}

static void runs_alone_after_a_loss(void **state)
{
	start_worker();
	struct sp_id first = submit("hold");
	fake_await(&fake, &fake.holding, 1);
	struct sp_id killer = create("hold");
	mark(&front.old, &front.has_old, &killer);
	publish(&killer);
	await_status(&killer, SP_STATUS_EVALUATING);
	/* It is claimed, and waits for the first to end. */
	usleep(50000);
	fake_await(&fake, &fake.holding, 1);
	fake_await(&fake, &fake.programs, 1);
	fake_release(&fake, 1);
	await_status(&first, SP_STATUS_FINISHED);
	fake_await(&fake, &fake.programs, 2);
	fake_await(&fake, &fake.holding, 1);
	/* Now it runs: whoever comes waits. */
	struct sp_id last = submit("print x");
	await_status(&last, SP_STATUS_EVALUATING);
	usleep(50000);
	fake_await(&fake, &fake.programs, 2);
	fake_release(&fake, 1);
	await_status(&killer, SP_STATUS_FINISHED);
	await_status(&last, SP_STATUS_FINISHED);
	fake_await(&fake, &fake.most, 1);
}

/* ---- what may be begun once only ---- */

static void never_begun_twice(void **state)
{
	const struct sp_new_evaluation once = {.max_runs = 1}, twice = {.max_runs = 2};

	start_worker();
	struct sp_id lost = create_with(LANG, "lose 1", once);
	publish(&lost);
	await_status(&lost, SP_STATUS_FAILED);
	assert_reason(&lost, "evaluator_lost", "it may be begun 1 time (max_runs)", true);
	fake_await(&fake, &fake.programs, 1);
	/* Also not by the slot itself. */
	struct sp_id interrupted = create_with(LANG, "spurious 2", once);
	publish(&interrupted);
	await_status(&interrupted, SP_STATUS_FAILED);
	assert_reason(&interrupted, "evaluator_lost", "it may be begun 1 time (max_runs)", true);
	fake_await(&fake, &fake.programs, 2);
	struct sp_id again = create_with(LANG, "lose 3", twice); /* lost and interrupted once before: this is the third time */
	publish(&again);
	await_status(&again, SP_STATUS_FINISHED);
	fake_await(&fake, &fake.programs, 4);
}

static void what_had_begun_is_noted(void **state)
{
	struct sp_id waits = create_with(LANG, "print x", (struct sp_new_evaluation){.max_runs = 1});

	start_worker();
	struct sp_id runs = create_with(LANG, "hang", (struct sp_new_evaluation){.max_runs = 1});
	publish(&runs);
	fake_await(&fake, &fake.hanging, 1);
	/* Waits until it can be alone: claimed, and not begun. */
	mark(&front.old, &front.has_old, &waits);
	publish(&waits);
	await_status(&waits, SP_STATUS_EVALUATING);
	drain(0);
	assert_int_equal(row_of(&runs).status, SP_STATUS_CREATED);
	assert_int_equal(row_of(&runs).begun, 1);
	assert_int_equal(row_of(&waits).status, SP_STATUS_CREATED);
	assert_int_equal(row_of(&waits).begun, 0);
}

/* ---- bounds of a key ---- */

static void a_key_runs_no_more_than_it_may(void **state)
{
	struct sp_id user, other, ids[6];
	const char *key = make_key(&user), *other_key = make_key(&other);

	start_worker();
	for (size_t i = 0; i < SP_COUNT(ids); i++) {
		ids[i] = create_with(LANG, "hold",
		        (struct sp_new_evaluation){.user_id = &user, .key_id = key, .max_running = 1, .class_ = SP_CLASS_BULK});
		publish(&ids[i]);
	}
	fake_await(&fake, &fake.holding, 1);
	/* The other slot has looked at all of them, and is free for others. */
	struct sp_id theirs =
	        create_with(LANG, "print y", (struct sp_new_evaluation){.user_id = &other, .key_id = other_key, .max_running = 1});
	publish(&theirs);
	await_status(&theirs, SP_STATUS_FINISHED);
	struct sp_id open = submit("print x");
	await_status(&open, SP_STATUS_FINISHED);
	fake_await(&fake, &fake.holding, 1);
	/* Each that ends brings the next, without a janitor. */
	for (size_t i = 0; i < SP_COUNT(ids); i++) {
		fake_await(&fake, &fake.holding, 1);
		int ended = 0;
		for (size_t k = 0; k < SP_COUNT(ids); k++) ended += row_of(&ids[k]).status == SP_STATUS_FINISHED;
		assert_int_equal(ended, i);
		fake_release(&fake, 1);
		for (int n = 0; ended == (int)i; n++) {
			ended = 0;
			for (size_t k = 0; k < SP_COUNT(ids); k++) ended += row_of(&ids[k]).status == SP_STATUS_FINISHED;
			assert_true(n < 6000);
			usleep(5000);
		}
	}
	for (size_t i = 0; i < SP_COUNT(ids); i++) assert_int_equal(row_of(&ids[i]).claim_no, 1);
	/* Nobody has asked again and again. */
	pthread_mutex_lock(&front.lock);
	int claims = front.claims;
	pthread_mutex_unlock(&front.lock);
	assert_true(claims <= 3 * (int)SP_COUNT(ids) + 2);
}

static void a_key_uses_what_it_may(void **state)
{
	struct sp_id user, ids[8];
	const char *key = make_key(&user);

	start_worker();
	for (size_t i = 0; i < SP_COUNT(ids); i++) {
		ids[i] = create_with(LANG, "hold", (struct sp_new_evaluation){.user_id = &user, .key_id = key, .max_running = 2});
		publish(&ids[i]);
	}
	/* Two end at the same moment, and two begin. */
	for (size_t i = 0; i < SP_COUNT(ids); i += 2) {
		fake_await(&fake, &fake.holding, 2);
		fake_release(&fake, 2);
		if (i + 2 < SP_COUNT(ids)) fake_await(&fake, &fake.programs, (int)i + 4);
	}
	for (size_t i = 0; i < SP_COUNT(ids); i++) await_status(&ids[i], SP_STATUS_FINISHED);
}

static void what_is_erased_makes_room(void **state)
{
	struct sp_id user;
	const char *key = make_key(&user);
	const struct sp_new_evaluation limited = {.user_id = &user, .key_id = key, .max_running = 1};
	struct sp_evaluation row;
	struct sp_err err = {0};

	start_worker();
	struct sp_id first = create_with(LANG, "hang", limited), second = create_with(LANG, "print x", limited);
	publish(&first);
	fake_await(&fake, &fake.hanging, 1);
	publish(&second);
	struct sp_id open = submit("print x"); /* the other slot is through with it */
	await_status(&open, SP_STATUS_FINISHED);
	assert_int_equal(row_of(&second).status, SP_STATUS_CREATED);
	if (sp_store_erase(front.real, &first, &row, &err)) fail_msg("%s", err.msg);
	sp_worker_look(worker);
	await_status(&second, SP_STATUS_FINISHED);
}

int main(void)
{
	worker_kit_init();
	const struct CMUnitTest tests[] = {
	        T(cancels_what_runs),
	        T(cancels_at_once_when_told_to_look),
	        T(a_look_sees_what_is_being_claimed),
	        T(erased_while_it_runs),
	        T(discards_what_was_lost),
	        T(renewals_go_on_after_a_failure),
	        T(fenced_off),
	        T(kept_past_its_lease),
	        T(runs_alone_after_a_loss),
	        T(never_begun_twice),
	        T(what_had_begun_is_noted),
	        T(a_key_runs_no_more_than_it_may),
	        T(a_key_uses_what_it_may),
	        T(what_is_erased_makes_room),
	};
	return cmocka_run_group_tests_name("worker_leases", tests, NULL, NULL);
}
