/* SPDX-License-Identifier: MIT */
/* The contract of store/store.h, run for every back-end: what a user, a key or a request may bound, idempotency keys, and cancelling. */
#include "store_support.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

static struct sp_evaluation cancel_as(struct sp_store *s, const struct sp_id *id, enum sp_cancel why)
{
	struct sp_evaluation row;
	struct sp_err err = {0};

	if (sp_store_cancel(s, id, why, &row, &err) != 0) fail_msg("%s", err.msg);
	return row;
}

/* ---- whose they are ---- */

static void rows_know_their_user_and_key(void **state)
{
	struct sp_store *s = *state;
	struct sp_user u = must_user(s, "a@example.org");
	struct sp_key k = must_key(s, &u);
	struct sp_new_evaluation in = new_of(&u, &k);
	struct sp_evaluation row, again;
	struct sp_stored st;

	in.max_running = 3;
	in.max_runs = 2;
	assert_int_equal(try_create(s, &in, &row), SP_CREATE_NEW);
	assert_true(row.has_user);
	assert_true(sp_id_equal(&row.user_id, &u.id));
	assert_string_equal(row.key_id, k.id);
	assert_int_equal(row.max_running, 3);
	assert_int_equal(row.max_runs, 2);
	again = must_row(s, &in.id);
	assert_same_row(&row, &again);
	assert_int_equal(must_claim(s, &in.id, LONG_LEASE_MS, &st), SP_CLAIM_MINE);
	assert_string_equal(st.row.key_id, k.id);
	assert_int_equal(st.row.max_running, 3);
	sp_stored_fini(&st);

	struct sp_id open = must_create(s, "x");
	row = must_row(s, &open);
	assert_false(row.has_user);
	assert_string_equal(row.key_id, "");
	assert_int_equal(row.max_running + row.max_runs + row.begun, 0);
}

static void no_evaluation_without_its_user(void **state)
{
	struct sp_store *s = *state;
	struct sp_user u = must_user(s, "a@example.org"), nobody = {.id = sp_id_new()};
	struct sp_key k = must_key(s, &u);
	struct sp_new_evaluation in = new_of(&nobody, &k);
	struct sp_evaluation row;
	struct sp_err err = {0};

	assert_int_equal(try_create(s, &in, &row), SP_CREATE_NO_USER);
	assert_int_equal(row.created_at_ms, 0);
	assert_false(exists(s, &in.id));
	in = new_of(&u, &k);
	assert_int_equal(try_create(s, &in, NULL), SP_CREATE_NEW);
	assert_int_equal(sp_store_user_delete(s, &u.id, &err), 0);
	in.id = sp_id_new();
	assert_int_equal(try_create(s, &in, NULL), SP_CREATE_NO_USER);
}

/* ---- key_max_waiting ---- */

static void key_bounds_what_waits(void **state)
{
	struct sp_store *s = *state;
	struct sp_user u = must_user(s, "a@example.org");
	struct sp_key a = must_key(s, &u), b = must_key(s, &u);
	struct sp_new_evaluation in;
	struct sp_id ids[3];

	for (int i = 0; i < 3; i++) {
		in = new_of(&u, &a);
		in.key_max_waiting = 3;
		assert_int_equal(try_create(s, &in, NULL), SP_CREATE_NEW);
		ids[i] = in.id;
	}
	in.id = sp_id_new();
	assert_int_equal(try_create(s, &in, NULL), SP_CREATE_KEY_FULL);
	assert_false(exists(s, &in.id));
	/* The server's bound is told apart, and first. */
	in.max_waiting = 3;
	assert_int_equal(try_create(s, &in, NULL), SP_CREATE_QUEUE_FULL);
	in.max_waiting = 100;
	/* Another key of the same user, and open mode, are not meant. */
	struct sp_new_evaluation other = new_of(&u, &b);
	other.key_max_waiting = 1;
	assert_int_equal(try_create(s, &other, NULL), SP_CREATE_NEW);
	must_create(s, "open");

	/* Each way out of the queue makes room, a release takes it again. */
	assert_int_equal(must_claim(s, &ids[0], LONG_LEASE_MS, NULL), SP_CLAIM_MINE);
	assert_int_equal(try_create(s, &in, NULL), SP_CREATE_NEW);
	assert_true(must_release(s, &ids[0], 1));
	in.id = sp_id_new();
	in.key_max_waiting = 4;
	assert_int_equal(try_create(s, &in, NULL), SP_CREATE_KEY_FULL);
	assert_int_equal(must_cancel(s, &ids[1]).status, SP_STATUS_CANCELED);
	assert_int_equal(try_create(s, &in, NULL), SP_CREATE_NEW);
	in.id = sp_id_new();
	assert_int_equal(try_create(s, &in, NULL), SP_CREATE_KEY_FULL);
	struct sp_evaluation row;
	assert_int_equal(sp_store_erase(s, &ids[2], &row, NULL), 0);
	assert_int_equal(try_create(s, &in, NULL), SP_CREATE_NEW);
	in.id = sp_id_new();
	assert_int_equal(try_create(s, &in, NULL), SP_CREATE_KEY_FULL);
	/* A refusal has changed no count. */
	in.key_max_waiting = 5;
	assert_int_equal(try_create(s, &in, NULL), SP_CREATE_NEW);
}

/* More keys than the back-end remembers counts of. */
static void many_keys(void **state)
{
	enum { KEYS = 1500 };
	struct sp_store *s = *state;
	static struct sp_user users[KEYS];
	static struct sp_key keys[KEYS];
	struct sp_err err = {0};

	for (int i = 0; i < KEYS; i++) {
		char email[32];
		struct sp_new_key key = new_key();
		snprintf(email, sizeof(email), "%d@example.org", i);
		struct sp_new_user in = {.id = sp_id_new(), .email = email, .key = &key};
		assert_int_equal(sp_store_user_add(s, &in, &users[i], &err), 0);
		snprintf(keys[i].id, sizeof(keys[i].id), "%s", key.id);
		struct sp_new_evaluation e = new_of(&users[i], &keys[i]);
		e.key_max_waiting = 1;
		assert_int_equal(try_create(s, &e, NULL), SP_CREATE_NEW);
	}
	for (int i = 0; i < KEYS; i++) {
		struct sp_new_evaluation e = new_of(&users[i], &keys[i]);
		e.key_max_waiting = 1;
		assert_int_equal(try_create(s, &e, NULL), SP_CREATE_KEY_FULL);
	}
}

/* ---- max_running ---- */

static struct sp_id create_limited(
        struct sp_store *s, const struct sp_user *u, const struct sp_key *k, enum sp_class class_, int32_t max_running)
{
	struct sp_new_evaluation in = new_of(u, k);

	in.class_ = class_;
	in.max_running = max_running;
	must_create_as(s, &in);
	return in.id;
}

static int next_of(struct sp_store *s, const struct sp_key *k, int32_t max_running, struct sp_scan_item *items, size_t max)
{
	struct sp_scan_request in = {.what = SP_SCAN_OF_KEY, .key_id = k->id, .max_running = max_running};
	struct sp_err err = {0};
	int n = sp_store_scan(s, &in, items, max, &err);

	if (n < 0) fail_msg("%s", err.msg);
	return n;
}

static void key_bounds_what_runs(void **state)
{
	struct sp_store *s = *state;
	struct sp_user u = must_user(s, "a@example.org");
	struct sp_key k = must_key(s, &u), other = must_key(s, &u);
	struct sp_scan_item items[8];
	struct sp_stored st;
	struct sp_id ids[5];

	for (int i = 0; i < 5; i++) ids[i] = create_limited(s, &u, &k, i == 4 ? SP_CLASS_INTERACTIVE : SP_CLASS_BULK, 2);
	assert_int_equal(must_claim(s, &ids[0], LONG_LEASE_MS, NULL), SP_CLAIM_MINE);
	assert_int_equal(must_claim(s, &ids[1], LONG_LEASE_MS, NULL), SP_CLAIM_MINE);
	assert_int_equal(must_claim(s, &ids[2], LONG_LEASE_MS, &st), SP_CLAIM_BUSY);
	assert_true(sp_id_equal(&st.row.id, &ids[2]));
	assert_int_equal(st.row.status, SP_STATUS_CREATED);
	assert_int_equal(st.row.claim_no, 0);
	assert_null(st.data.request.p);
	/* Nothing of the key may begin, so nothing of it is found. */
	assert_int_equal(next_of(s, &k, 2, items, 8), 0);
	assert_int_equal(must_scan(s, SP_SCAN_WAITING, SP_CLASS_BULK, NULL, items, 8), 0);
	assert_int_equal(must_scan(s, SP_SCAN_WAITING, SP_CLASS_INTERACTIVE, NULL, items, 8), 0);
	assert_int_equal(must_scan(s, SP_SCAN_KEYS, 0, NULL, items, 8), 0);

	/* Others are not held up by it. */
	struct sp_id b = create_limited(s, &u, &other, SP_CLASS_BULK, 1), open = must_create(s, "x");
	assert_int_equal(must_claim(s, &b, LONG_LEASE_MS, NULL), SP_CLAIM_MINE);
	assert_int_equal(must_claim(s, &open, LONG_LEASE_MS, NULL), SP_CLAIM_MINE);

	/* An end makes room for one; interactive first, then oldest. */
	assert_true(must_finish(s, &ids[0], 1, ""));
	assert_int_equal(next_of(s, &k, 2, items, 8), 1);
	assert_true(sp_id_equal(&items[0].id, &ids[4]));
	assert_int_equal(items[0].class_, SP_CLASS_INTERACTIVE);
	assert_int_equal(must_scan(s, SP_SCAN_KEYS, 0, NULL, items, 8), 1);
	assert_true(sp_id_equal(&items[0].id, &ids[4]));
	assert_int_equal(must_scan(s, SP_SCAN_WAITING, SP_CLASS_BULK, NULL, items, 8), 2);
	assert_int_equal(must_claim(s, &ids[4], LONG_LEASE_MS, NULL), SP_CLAIM_MINE);
	assert_int_equal(must_claim(s, &ids[3], LONG_LEASE_MS, NULL), SP_CLAIM_BUSY);
	/* A release makes room, too, and so does an erase. */
	assert_true(must_release(s, &ids[4], 1));
	struct sp_evaluation row;
	assert_int_equal(sp_store_erase(s, &ids[1], &row, NULL), 0);
	assert_int_equal(next_of(s, &k, 2, items, 1), 1);
	assert_int_equal(next_of(s, &k, 2, items, 8), 2);
	assert_true(sp_id_equal(&items[0].id, &ids[4]));
	assert_true(sp_id_equal(&items[1].id, &ids[2]));
	assert_int_equal(must_claim(s, &ids[2], LONG_LEASE_MS, NULL), SP_CLAIM_MINE);
	assert_int_equal(must_claim(s, &ids[4], LONG_LEASE_MS, NULL), SP_CLAIM_MINE);
}

static void a_lost_one_counts_once(void **state)
{
	struct sp_store *s = *state;
	struct sp_user u = must_user(s, "a@example.org");
	struct sp_key k = must_key(s, &u);
	struct sp_id a = create_limited(s, &u, &k, SP_CLASS_BULK, 1), b = create_limited(s, &u, &k, SP_CLASS_BULK, 1);

	/* Its lease is over: it still is the one that runs, and may be taken over although the key is full. */
	assert_int_equal(must_claim(s, &a, 1, NULL), SP_CLAIM_MINE);
	assert_int_equal(must_claim_over(s, &a, 1, NULL), SP_CLAIM_MINE);
	assert_int_equal(must_claim(s, &b, LONG_LEASE_MS, NULL), SP_CLAIM_BUSY);
	assert_int_equal(must_claim_over(s, &a, 1, NULL), SP_CLAIM_MINE);
	assert_int_equal(must_claim_over(s, &a, 1, NULL), SP_CLAIM_EXHAUSTED);
	assert_int_equal(must_claim(s, &b, LONG_LEASE_MS, NULL), SP_CLAIM_MINE);
	/* Busy is no reason to keep one that is to be canceled. */
	struct sp_id c = create_limited(s, &u, &k, SP_CLASS_BULK, 1);
	assert_int_equal(must_claim(s, &c, LONG_LEASE_MS, NULL), SP_CLAIM_BUSY);
	assert_int_equal(must_cancel(s, &c).status, SP_STATUS_CANCELED);
}

/* The first that waits of each key that may run more. */
static void keys_with_room(void **state)
{
	struct sp_store *s = *state;
	struct sp_user u = must_user(s, "a@example.org");
	struct sp_key full = must_key(s, &u), room = must_key(s, &u), idle = must_key(s, &u), unbound = must_key(s, &u);
	struct sp_scan_item items[8];

	assert_int_equal(must_scan(s, SP_SCAN_KEYS, 0, NULL, items, 8), 0);
	struct sp_id a = create_limited(s, &u, &full, SP_CLASS_BULK, 1);
	create_limited(s, &u, &full, SP_CLASS_BULK, 1);
	struct sp_id b = create_limited(s, &u, &room, SP_CLASS_BULK, 2), c = create_limited(s, &u, &room, SP_CLASS_BULK, 2);
	create_limited(s, &u, &room, SP_CLASS_BULK, 2);
	create_limited(s, &u, &idle, SP_CLASS_BULK, 1);
	struct sp_id d = create_limited(s, &u, &idle, SP_CLASS_INTERACTIVE, 1);
	create_limited(s, &u, &unbound, SP_CLASS_BULK, 0);
	assert_int_equal(must_claim(s, &a, LONG_LEASE_MS, NULL), SP_CLAIM_MINE);
	assert_int_equal(must_claim(s, &b, LONG_LEASE_MS, NULL), SP_CLAIM_MINE);
	assert_int_equal(must_scan(s, SP_SCAN_KEYS, 0, NULL, items, 8), 2);
	assert_true(sp_id_equal(&items[0].id, &c));
	assert_true(sp_id_equal(&items[1].id, &d));
	assert_int_equal(items[1].class_, SP_CLASS_INTERACTIVE);
	assert_int_equal(must_scan(s, SP_SCAN_KEYS, 0, NULL, items, 1), 1);
}

/* ---- max_runs ---- */

static struct sp_id create_once(struct sp_store *s, int32_t max_runs)
{
	struct sp_new_evaluation in = new_evaluation("x");

	in.max_runs = max_runs;
	must_create_as(s, &in);
	return in.id;
}

static void never_twice_after_a_lost_lease(void **state)
{
	struct sp_store *s = *state;
	struct sp_id id = create_once(s, 1);
	struct sp_stored st;

	assert_int_equal(must_claim(s, &id, 1, NULL), SP_CLAIM_MINE);
	assert_int_equal(must_claim_over(s, &id, LONG_LEASE_MS, &st), SP_CLAIM_EXHAUSTED);
	assert_int_equal(st.row.status, SP_STATUS_FAILED);
	assert_string_equal(st.row.verdict, "internal_error");
	assert_int_equal(st.row.lost, 1);
	must_get(s, &id, true, &st);
	assert_bytes(&st.data.result,
	        "{\"reason\":{\"code\":\"evaluator_lost\",\"message\":\"given up: the evaluator that ran it was lost, 1 time, and it may "
	        "be begun 1 time (max_runs)\",\"retryable\":true}}");
	sp_stored_fini(&st);
	assert_false(must_finish(s, &id, 1, "late"));

	id = create_once(s, 2);
	assert_int_equal(must_claim(s, &id, 1, NULL), SP_CLAIM_MINE);
	assert_int_equal(must_claim_over(s, &id, 1, NULL), SP_CLAIM_MINE);
	assert_int_equal(must_claim_over(s, &id, 1, NULL), SP_CLAIM_EXHAUSTED);
}

static void never_twice_after_it_was_given_back(void **state)
{
	struct sp_store *s = *state;
	struct sp_id id = create_once(s, 1);
	struct sp_stored st;
	bool applied;

	/* Given back before it began: that was no run. */
	assert_int_equal(must_claim(s, &id, LONG_LEASE_MS, NULL), SP_CLAIM_MINE);
	assert_int_equal(sp_store_release(s, &id, 1, false, &applied, NULL), 0);
	assert_true(applied);
	assert_int_equal(must_row(s, &id).begun, 0);
	assert_int_equal(must_claim(s, &id, LONG_LEASE_MS, NULL), SP_CLAIM_MINE);
	assert_int_equal(sp_store_release(s, &id, 2, true, &applied, NULL), 0);
	assert_int_equal(must_row(s, &id).begun, 1);
	assert_int_equal(must_claim(s, &id, LONG_LEASE_MS, &st), SP_CLAIM_EXHAUSTED);
	assert_int_equal(st.row.status, SP_STATUS_FAILED);
	assert_int_equal(st.row.lost, 0);
	must_get(s, &id, true, &st);
	assert_bytes(&st.data.result,
	        "{\"reason\":{\"code\":\"evaluator_lost\",\"message\":\"given up: the evaluator that ran it had to stop, and it may be "
	        "begun 1 time (max_runs)\",\"retryable\":true}}");
	sp_stored_fini(&st);
	assert_int_equal(must_claim(s, &id, LONG_LEASE_MS, NULL), SP_CLAIM_TERMINAL);

	/* Without the bound it only counts. */
	id = must_create(s, "x");
	for (int64_t n = 1; n <= 5; n++) {
		assert_int_equal(must_claim(s, &id, LONG_LEASE_MS, NULL), SP_CLAIM_MINE);
		assert_int_equal(sp_store_release(s, &id, n, true, &applied, NULL), 0);
	}
	assert_int_equal(must_row(s, &id).begun, 5);
}

/* ---- idempotency ---- */

static struct sp_new_evaluation keyed(const char *key, char body)
{
	struct sp_new_evaluation in = new_evaluation("x");

	in.idempotency_key = key;
	in.idempotency_keep_ms = 3600000;
	memset(in.body_hash, body, sizeof(in.body_hash));
	return in;
}

static void same_key_same_evaluation(void **state)
{
	struct sp_store *s = *state;
	struct sp_new_evaluation first = keyed("hw3", 'a'), again = keyed("hw3", 'a'), other = keyed("hw3", 'b');
	struct sp_evaluation row, want;

	assert_int_equal(try_create(s, &first, &row), SP_CREATE_NEW);
	assert_int_equal(try_create(s, &again, &row), SP_CREATE_REPLAYED);
	want = must_row(s, &first.id);
	assert_same_row(&row, &want);
	assert_false(exists(s, &again.id));
	assert_int_equal(try_create(s, &other, &row), SP_CREATE_REUSED);
	assert_int_equal(row.created_at_ms, 0);
	assert_false(exists(s, &other.id));
	/* As it is now, not as it was. */
	assert_int_equal(must_claim(s, &first.id, LONG_LEASE_MS, NULL), SP_CLAIM_MINE);
	assert_true(must_finish(s, &first.id, 1, ""));
	assert_int_equal(try_create(s, &again, &row), SP_CREATE_REPLAYED);
	assert_int_equal(row.status, SP_STATUS_FINISHED);
	/* Another key is another evaluation, and keys are compared byte by byte. */
	struct sp_new_evaluation upper = keyed("HW3", 'a');
	assert_int_equal(try_create(s, &upper, &row), SP_CREATE_NEW);
}

static void keys_are_the_user_s_own(void **state)
{
	struct sp_store *s = *state;
	struct sp_user a = must_user(s, "a@example.org"), b = must_user(s, "b@example.org");
	struct sp_new_evaluation open = keyed("k", 'a'), of_a = keyed("k", 'b'), of_b = keyed("k", 'c');
	struct sp_evaluation row;

	of_a.user_id = &a.id;
	of_b.user_id = &b.id;
	assert_int_equal(try_create(s, &open, NULL), SP_CREATE_NEW);
	assert_int_equal(try_create(s, &of_a, NULL), SP_CREATE_NEW);
	assert_int_equal(try_create(s, &of_b, NULL), SP_CREATE_NEW);
	assert_int_equal(try_create(s, &of_a, &row), SP_CREATE_REPLAYED);
	assert_true(sp_id_equal(&row.id, &of_a.id));
	/* All keys of a user are one scope. */
	struct sp_key k = must_key(s, &a);
	of_a.key_id = k.id;
	assert_int_equal(try_create(s, &of_a, &row), SP_CREATE_REPLAYED);
}

static void refusals_are_not_remembered(void **state)
{
	struct sp_store *s = *state;
	struct sp_new_evaluation in = keyed("k", 'a');
	struct sp_evaluation row;

	must_create(s, "waits");
	in.max_waiting = 1;
	assert_int_equal(try_create(s, &in, &row), SP_CREATE_QUEUE_FULL);
	in.max_waiting = 2;
	memset(in.body_hash, 'b', sizeof(in.body_hash));
	assert_int_equal(try_create(s, &in, &row), SP_CREATE_NEW);
	/* And what was made once is shown again, however full the queue is. */
	in.max_waiting = 1;
	in.id = sp_id_new();
	assert_int_equal(try_create(s, &in, &row), SP_CREATE_REPLAYED);
}

static void keys_become_free_again(void **state)
{
	struct sp_store *s = *state;
	struct sp_new_evaluation in = keyed("k", 'a');
	struct sp_id first = in.id;
	struct sp_evaluation row;

	assert_int_equal(try_create(s, &in, &row), SP_CREATE_NEW);
	/* With its evaluation. */
	assert_int_equal(sp_store_erase(s, &first, &row, NULL), 0);
	in.id = sp_id_new();
	memset(in.body_hash, 'b', sizeof(in.body_hash));
	assert_int_equal(try_create(s, &in, &row), SP_CREATE_NEW);
	/* And with time. */
	in.id = sp_id_new();
	memset(in.body_hash, 'c', sizeof(in.body_hash));
	assert_int_equal(try_create(s, &in, &row), SP_CREATE_REUSED);
	in.idempotency_keep_ms = 1;
	enum sp_create_outcome outcome = SP_CREATE_REUSED;
	for (int i = 0; i < 10000 && outcome == SP_CREATE_REUSED; i++) {
		nanosleep(&(struct timespec){.tv_nsec = SP_NS_PER_MS}, NULL);
		outcome = try_create(s, &in, &row);
	}
	assert_int_equal(outcome, SP_CREATE_NEW);
	in.idempotency_keep_ms = 3600000;
	assert_int_equal(try_create(s, &in, &row), SP_CREATE_REPLAYED);
	assert_true(sp_id_equal(&row.id, &in.id));
}

/* ---- cancel ---- */

static void cancels_what_waits_at_once(void **state)
{
	struct sp_store *s = *state;
	const enum sp_cancel whys[] = {SP_CANCEL_REQUESTED, SP_CANCEL_CLIENT_GONE};
	const char *const results[] = {"{\"reason\":{\"code\":\"canceled\",\"message\":\"canceled on request\",\"retryable\":false}}",
	        "{\"reason\":{\"code\":\"canceled\",\"message\":\"canceled: the client left before it began\",\"retryable\":true}}"};

	for (size_t i = 0; i < SP_COUNT(whys); i++) {
		struct sp_id id = must_create(s, "x");
		struct sp_stored st;
		struct sp_scan_item items[1];
		bool terminal = false;
		struct sp_evaluation row = cancel_as(s, &id, whys[i]);
		assert_int_equal(row.status, SP_STATUS_CANCELED);
		assert_true(row.finished_at_ms > 0);
		must_get(s, &id, true, &st);
		assert_same_row(&row, &st.row);
		assert_bytes(&st.data.result, results[i]);
		sp_stored_fini(&st);
		assert_int_equal(sp_store_sweep(s, &id, 1, &terminal, NULL), 0);
		assert_true(terminal);
		assert_int_equal(must_scan(s, SP_SCAN_WAITING, SP_CLASS_BULK, NULL, items, 1), 0);
		/* Once more changes nothing. */
		struct sp_evaluation again = cancel_as(s, &id, SP_CANCEL_REQUESTED);
		assert_same_row(&row, &again);
	}
}

static void tells_who_runs_it(void **state)
{
	struct sp_store *s = *state;
	struct sp_id id = must_create(s, "x");
	struct sp_lease lease = {.id = id, .claim_no = 1};

	assert_int_equal(must_claim(s, &id, LONG_LEASE_MS, NULL), SP_CLAIM_MINE);
	/* A client that leaves changes nothing of what runs. */
	struct sp_evaluation row = cancel_as(s, &id, SP_CANCEL_CLIENT_GONE);
	assert_int_equal(row.status, SP_STATUS_EVALUATING);
	assert_false(row.cancel_requested);
	assert_int_equal(sp_store_renew(s, EVALUATOR, LONG_LEASE_MS, &lease, 1, NULL), 0);
	assert_false(lease.cancel);
	row = cancel_as(s, &id, SP_CANCEL_REQUESTED);
	assert_int_equal(row.status, SP_STATUS_EVALUATING);
	assert_true(row.cancel_requested);
	assert_int_equal(sp_store_renew(s, EVALUATOR, LONG_LEASE_MS, &lease, 1, NULL), 0);
	assert_true(lease.cancel);
	/* It may have come too late: a finish is a finish. */
	assert_true(must_finish(s, &id, 1, "output"));
	row = must_row(s, &id);
	assert_int_equal(row.status, SP_STATUS_FINISHED);
	struct sp_evaluation again = cancel_as(s, &id, SP_CANCEL_REQUESTED);
	assert_same_row(&row, &again);
}

static void cancels_nothing(void **state)
{
	struct sp_store *s = *state;
	struct sp_id id = sp_id_new();
	struct sp_evaluation row;
	struct sp_err err = {0};

	assert_int_equal(sp_store_cancel(s, &id, SP_CANCEL_REQUESTED, &row, &err), -1);
	assert_err(&err, SP_E_NOT_FOUND, "no such evaluation");
	assert_int_equal(sp_store_cancel(s, &id, (enum sp_cancel)7, &row, &err), -1);
	assert_err(&err, SP_E_INVALID, "store: cancel: why");
}

/* ---- arguments ---- */

static void refused_arguments(void **state)
{
	struct sp_store *s = *state;
	struct sp_user u = must_user(s, "a@example.org");
	struct sp_key k = must_key(s, &u);
	struct sp_new_evaluation good = new_of(&u, &k), bad[9];
	const char *const why[] = {"key_id", "key_id", "max_waiting", "max_running", "max_running", "max_runs", "idempotency_key",
	        "idempotency_key", "idempotency_keep_ms"};
	char long_key[SP_IDEMPOTENCY_KEY_LEN + 1];
	enum sp_create_outcome outcome;
	struct sp_evaluation row;
	struct sp_scan_item items[1];
	struct sp_err err = {0};

	memset(long_key, 'k', sizeof(long_key));
	long_key[255] = '\0';
	good.idempotency_key = long_key;
	good.idempotency_keep_ms = 1;
	must_create_as(s, &good);
	long_key[255] = 'k';
	long_key[256] = '\0';
	good.idempotency_key = NULL;
	for (size_t i = 0; i < SP_COUNT(bad); i++) bad[i] = good;
	bad[0].user_id = NULL;
	bad[1].key_id = "short";
	bad[2].key_max_waiting = -1;
	bad[3].max_running = -1;
	bad[4].max_running = 1;
	bad[4].key_id = NULL;
	bad[5].max_runs = -1;
	bad[6].idempotency_key = "";
	bad[7].idempotency_key = long_key;
	bad[8].idempotency_key = "k";
	bad[8].idempotency_keep_ms = 0;
	for (size_t i = 0; i < SP_COUNT(bad); i++) {
		assert_int_equal(sp_store_create(s, &bad[i], &outcome, &row, &err), -1);
		assert_err(&err, SP_E_INVALID, why[i]);
	}
	const struct sp_scan_request scans[] = {{.what = (enum sp_scan)9}, {.what = SP_SCAN_WAITING, .class_ = (enum sp_class)2},
	        {.what = SP_SCAN_OF_KEY, .max_running = 1}, {.what = SP_SCAN_OF_KEY, .key_id = k.id}};
	for (size_t i = 0; i < SP_COUNT(scans); i++) {
		assert_int_equal(sp_store_scan(s, &scans[i], items, 1, &err), -1);
		assert_err(&err, SP_E_INVALID, "store: scan: ");
	}
}

static const struct CMUnitTest tests[] = {
        CONTRACT_TEST(rows_know_their_user_and_key),
        CONTRACT_TEST(no_evaluation_without_its_user),
        CONTRACT_TEST(key_bounds_what_waits),
        CONTRACT_TEST(many_keys),
        CONTRACT_TEST(key_bounds_what_runs),
        CONTRACT_TEST(a_lost_one_counts_once),
        CONTRACT_TEST(keys_with_room),
        CONTRACT_TEST(never_twice_after_a_lost_lease),
        CONTRACT_TEST(never_twice_after_it_was_given_back),
        CONTRACT_TEST(same_key_same_evaluation),
        CONTRACT_TEST(keys_are_the_user_s_own),
        CONTRACT_TEST(refusals_are_not_remembered),
        CONTRACT_TEST(keys_become_free_again),
        CONTRACT_TEST(cancels_what_waits_at_once),
        CONTRACT_TEST(tells_who_runs_it),
        CONTRACT_TEST(cancels_nothing),
        CONTRACT_TEST(refused_arguments),
};

CONTRACT_MAIN(tests)
