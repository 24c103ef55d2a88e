/* SPDX-License-Identifier: MIT */
/* The contract of store/store.h, run for every back-end. */
#include "store_support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

static void create_and_get(void **state)
{
	struct sp_store *s = *state;
	struct sp_new_evaluation in = new_evaluation("{\"code\":\"1\"}");
	struct sp_evaluation row;
	struct sp_stored st;
	struct sp_err err = {0};
	int64_t before = sp_wall_ms();

	in.class_ = SP_CLASS_INTERACTIVE;
	in.reference = "hw3/student17/2";
	assert_int_equal(try_create(s, &in, &row), SP_CREATE_NEW);
	assert_int_equal(err.code, SP_OK);
	must_get(s, &in.id, true, &st);
	assert_same_row(&st.row, &row);
	assert_true(sp_id_equal(&row.id, &in.id));
	assert_int_equal(row.status, SP_STATUS_CREATED);
	assert_int_equal(row.class_, SP_CLASS_INTERACTIVE);
	assert_string_equal(row.language, "node");
	assert_true(row.has_reference);
	assert_string_equal(row.reference, "hw3/student17/2");
	assert_true(row.created_at_ms >= before && row.created_at_ms <= sp_wall_ms());
	assert_string_equal(row.verdict, "");
	assert_string_equal(row.stage, "");
	assert_string_equal(row.signal, "");
	assert_string_equal(row.evaluator_id, "");
	assert_false(row.has_exit_code || row.cancel_requested);
	assert_int_equal(row.claim_no + row.lost + row.started_at_ms + row.finished_at_ms + row.lease_until_ms, 0);
	/* get never loads the request: only a claim does. */
	assert_null(st.data.request.p);
	assert_null(st.data.result.p);
	sp_stored_fini(&st);

	struct sp_id other = sp_id_new();
	assert_int_equal(sp_store_get(s, &other, true, &st, &err), -1);
	assert_err(&err, SP_E_NOT_FOUND, "no such evaluation");
	assert_false(err.retryable);
}

static void create_without_reference(void **state)
{
	struct sp_store *s = *state;
	struct sp_id id = must_create(s, "");
	struct sp_stored st;

	assert_false(must_row(s, &id).has_reference);
	assert_int_equal(must_claim(s, &id, LONG_LEASE_MS, &st), SP_CLAIM_MINE);
	assert_int_equal(st.data.request.n, 0);
	sp_stored_fini(&st);

	struct sp_new_evaluation in = new_evaluation("x");
	struct sp_evaluation row;
	in.reference = "";
	assert_int_equal(try_create(s, &in, &row), SP_CREATE_NEW);
	assert_true(must_row(s, &in.id).has_reference);
}

static void same_id_twice(void **state)
{
	struct sp_store *s = *state;
	struct sp_new_evaluation in = new_evaluation("first");
	enum sp_create_outcome outcome;
	struct sp_evaluation row;
	struct sp_stored st;
	struct sp_err err = {0};

	assert_int_equal(try_create(s, &in, &row), SP_CREATE_NEW);
	in.language = "ruby";
	assert_int_equal(sp_store_create(s, &in, &outcome, &row, &err), -1);
	assert_err(&err, SP_E_CONFLICT, "store: create ");
	assert_false(err.retryable);
	assert_int_equal(must_claim(s, &in.id, LONG_LEASE_MS, &st), SP_CLAIM_MINE);
	assert_string_equal(st.row.language, "node");
	assert_bytes(&st.data.request, "first");
	sp_stored_fini(&st);
}

static void max_waiting(void **state)
{
	struct sp_store *s = *state;
	struct sp_new_evaluation in;
	struct sp_evaluation row;
	struct sp_id ids[3];

	for (int i = 0; i < 3; i++) {
		in = new_evaluation("x");
		in.max_waiting = 3;
		assert_int_equal(try_create(s, &in, &row), SP_CREATE_NEW);
		ids[i] = in.id;
	}
	in = new_evaluation("x");
	in.max_waiting = 3;
	assert_int_equal(try_create(s, &in, &row), SP_CREATE_QUEUE_FULL);
	assert_int_equal(row.created_at_ms, 0);
	assert_false(exists(s, &in.id));

	/* A claim makes room, a release takes it again; a finish and a claim that is fenced off do neither. */
	assert_int_equal(must_claim(s, &ids[0], LONG_LEASE_MS, NULL), SP_CLAIM_MINE);
	assert_int_equal(try_create(s, &in, &row), SP_CREATE_NEW);
	assert_true(must_release(s, &ids[0], 1));
	in = new_evaluation("x");
	in.max_waiting = 4;
	assert_int_equal(try_create(s, &in, &row), SP_CREATE_QUEUE_FULL);
	assert_int_equal(must_claim(s, &ids[0], LONG_LEASE_MS, NULL), SP_CLAIM_MINE);
	assert_int_equal(must_claim(s, &ids[0], LONG_LEASE_MS, NULL), SP_CLAIM_ELSEWHERE);
	assert_true(must_finish(s, &ids[0], 2, ""));
	assert_false(must_release(s, &ids[0], 2));
	assert_int_equal(try_create(s, &in, &row), SP_CREATE_NEW);
	in = new_evaluation("x");
	in.max_waiting = 4;
	assert_int_equal(try_create(s, &in, &row), SP_CREATE_QUEUE_FULL);
	/* A canceled one waits no more. */
	assert_int_equal(must_cancel(s, &ids[1]).status, SP_STATUS_CANCELED);
	assert_int_equal(try_create(s, &in, &row), SP_CREATE_NEW);
	/* 0: no bound. */
	in = new_evaluation("x");
	assert_int_equal(try_create(s, &in, &row), SP_CREATE_NEW);
}

static void claim_run_finish(void **state)
{
	struct sp_store *s = *state;
	struct sp_id id = must_create(s, "the request");
	struct sp_stored st;
	bool applied;
	int64_t before = sp_wall_ms();

	assert_int_equal(must_claim(s, &id, LONG_LEASE_MS, &st), SP_CLAIM_MINE);
	assert_int_equal(st.row.status, SP_STATUS_EVALUATING);
	assert_int_equal(st.row.claim_no, 1);
	assert_int_equal(st.row.lost, 0);
	assert_string_equal(st.row.evaluator_id, EVALUATOR);
	assert_true(st.row.started_at_ms >= before);
	assert_true(st.row.lease_until_ms >= before + LONG_LEASE_MS - 1000);
	assert_bytes(&st.data.request, "the request");
	struct sp_evaluation row = must_row(s, &id);
	assert_same_row(&row, &st.row);
	sp_stored_fini(&st);
	int64_t started = row.started_at_ms;

	char out[] = "out\n", result[] = "{\"v\":1}", segments[] = "\x04\0\0\0", compiled[] = "warning";
	struct sp_finish f = {.id = id,
	        .claim_no = 1,
	        .status = SP_STATUS_TIMEOUT,
	        .verdict = "wall_limit",
	        .stage = "run",
	        .signal = "SIGKILL",
	        .result = {result, 7},
	        .output = {out, 4},
	        .segments = {segments, 4},
	        .compile_output = {compiled, 7}};
	assert_int_equal(sp_store_finish(s, &f, &applied, NULL), 0);
	assert_true(applied);
	must_get(s, &id, true, &st);
	assert_int_equal(st.row.status, SP_STATUS_TIMEOUT);
	assert_string_equal(st.row.verdict, "wall_limit");
	assert_string_equal(st.row.stage, "run");
	assert_string_equal(st.row.signal, "SIGKILL");
	assert_false(st.row.has_exit_code);
	assert_int_equal(st.row.started_at_ms, started);
	assert_true(st.row.finished_at_ms >= started);
	assert_int_equal(st.row.lease_until_ms, 0);
	assert_bytes(&st.data.result, "{\"v\":1}");
	assert_bytes(&st.data.output, "out\n");
	assert_int_equal(st.data.segments.n, 4);
	assert_memory_equal(st.data.segments.p, "\x04\0\0\0", 4);
	assert_bytes(&st.data.compile_output, "warning");
	assert_null(st.data.request.p);
	sp_stored_fini(&st);
	assert_int_equal(must_claim(s, &id, LONG_LEASE_MS, &st), SP_CLAIM_TERMINAL);
	assert_int_equal(st.row.status, SP_STATUS_TIMEOUT);
	assert_null(st.data.request.p);
}

static void exit_codes(void **state)
{
	struct sp_store *s = *state;
	const int32_t codes[] = {0, 1, 255, -1};

	for (size_t i = 0; i < SP_COUNT(codes); i++) {
		struct sp_id id = must_create(s, "x");
		struct sp_finish f = {.id = id,
		        .claim_no = 1,
		        .status = SP_STATUS_FINISHED,
		        .verdict = "nonzero_exit",
		        .has_exit_code = true,
		        .exit_code = codes[i]};
		bool applied;
		assert_int_equal(must_claim(s, &id, LONG_LEASE_MS, NULL), SP_CLAIM_MINE);
		assert_int_equal(sp_store_finish(s, &f, &applied, NULL), 0);
		struct sp_evaluation row = must_row(s, &id);
		assert_true(row.has_exit_code);
		assert_int_equal(row.exit_code, codes[i]);
		assert_string_equal(row.stage, "");
	}
}

static void absent(void **state)
{
	struct sp_store *s = *state;
	struct sp_id id = sp_id_new();
	struct sp_stored st;

	assert_int_equal(must_claim(s, &id, LONG_LEASE_MS, &st), SP_CLAIM_ABSENT);
	assert_true(sp_id_equal(&st.row.id, &id));
	assert_false(must_release(s, &id, 1));
	assert_false(must_finish(s, &id, 1, "x"));
	assert_false(exists(s, &id));
}

static void canceled_before_it_ran(void **state)
{
	struct sp_store *s = *state;
	struct sp_id id = must_create(s, "x");
	struct sp_stored st;

	st.row = must_cancel(s, &id);
	assert_int_equal(st.row.status, SP_STATUS_CANCELED);
	assert_int_equal(must_claim(s, &id, LONG_LEASE_MS, &st), SP_CLAIM_TERMINAL);
	assert_null(st.data.request.p);
	must_get(s, &id, true, &st);
	assert_int_equal(st.row.status, SP_STATUS_CANCELED);
	assert_true(st.row.cancel_requested);
	assert_string_equal(st.row.verdict, "");
	assert_true(st.row.finished_at_ms > 0);
	assert_int_equal(st.row.started_at_ms, 0);
	assert_int_equal(st.row.claim_no, 0);
	assert_bytes(&st.data.result, "{\"reason\":{\"code\":\"canceled\",\"message\":\"canceled on request\",\"retryable\":false}}");
	sp_stored_fini(&st);
	/* Canceled while it ran, and given back before its evaluator heard of it. */
	id = must_create(s, "x");
	assert_int_equal(must_claim(s, &id, LONG_LEASE_MS, NULL), SP_CLAIM_MINE);
	assert_int_equal(must_cancel(s, &id).status, SP_STATUS_EVALUATING);
	assert_true(must_release(s, &id, 1));
	assert_int_equal(must_claim(s, &id, LONG_LEASE_MS, &st), SP_CLAIM_CANCELED);
	assert_int_equal(st.row.status, SP_STATUS_CANCELED);
	assert_null(st.data.request.p);
	assert_int_equal(must_claim(s, &id, LONG_LEASE_MS, NULL), SP_CLAIM_TERMINAL);
}

static void canceled_while_it_ran(void **state)
{
	struct sp_store *s = *state;
	struct sp_id id = must_create(s, "x");
	struct sp_lease lease = {.id = id, .claim_no = 1};

	/* Under a live lease who runs it is told at the renewal, and another claim is sent away. */
	assert_int_equal(must_claim(s, &id, LONG_LEASE_MS, NULL), SP_CLAIM_MINE);
	struct sp_evaluation row = must_cancel(s, &id);
	assert_int_equal(row.status, SP_STATUS_EVALUATING);
	assert_true(row.cancel_requested);
	assert_int_equal(must_claim(s, &id, LONG_LEASE_MS, NULL), SP_CLAIM_ELSEWHERE);
	assert_int_equal(sp_store_renew(s, EVALUATOR, 1, &lease, 1, NULL), 0);
	assert_true(lease.cancel);
	assert_false(lease.lost);
	/* Now the lease is over without a finish: the next claim ends it. */
	assert_int_equal(must_claim_over(s, &id, LONG_LEASE_MS, NULL), SP_CLAIM_CANCELED);
	row = must_row(s, &id);
	assert_int_equal(row.status, SP_STATUS_CANCELED);
	assert_int_equal(row.lost, 1);
	assert_false(must_finish(s, &id, 1, "late"));

	/* And the usual way: who runs it finishes it as canceled, without a verdict. */
	id = must_create(s, "x");
	struct sp_finish f = {.id = id, .claim_no = 1, .status = SP_STATUS_CANCELED};
	bool applied;
	assert_int_equal(must_claim(s, &id, LONG_LEASE_MS, NULL), SP_CLAIM_MINE);
	assert_int_equal(sp_store_finish(s, &f, &applied, NULL), 0);
	assert_true(applied);
	assert_int_equal(must_row(s, &id).status, SP_STATUS_CANCELED);
}

static void fencing(void **state)
{
	struct sp_store *s = *state;
	struct sp_id id = must_create(s, "x");
	struct sp_stored st;

	assert_int_equal(must_claim(s, &id, 1, NULL), SP_CLAIM_MINE);
	assert_int_equal(must_claim_over(s, &id, LONG_LEASE_MS, &st), SP_CLAIM_MINE);
	assert_int_equal(st.row.claim_no, 2);
	assert_int_equal(st.row.lost, 1);
	assert_bytes(&st.data.request, "x");
	sp_stored_fini(&st);
	/* The first claim has come back from wherever it was. */
	assert_false(must_finish(s, &id, 1, "late"));
	assert_false(must_release(s, &id, 1));
	must_get(s, &id, true, &st);
	assert_int_equal(st.row.status, SP_STATUS_EVALUATING);
	assert_int_equal(st.data.output.n, 0);
	sp_stored_fini(&st);
	assert_true(must_finish(s, &id, 2, "second"));
	assert_false(must_finish(s, &id, 2, "again"));
	assert_false(must_finish(s, &id, 1, "later still"));
	must_get(s, &id, true, &st);
	assert_bytes(&st.data.output, "second");
	sp_stored_fini(&st);
}

static void finish_after_the_lease(void **state)
{
	struct sp_store *s = *state;
	struct sp_id id = must_create(s, "x"), probe = must_create(s, "y");

	/* A lease that is over, but taken by nobody, still carries its result. */
	assert_int_equal(must_claim(s, &id, 1, NULL), SP_CLAIM_MINE);
	assert_int_equal(must_claim(s, &probe, 1, NULL), SP_CLAIM_MINE);
	assert_int_equal(must_claim_over(s, &probe, 1, NULL), SP_CLAIM_MINE);
	assert_true(must_finish(s, &id, 1, "slow"));
}

static void exhausted(void **state)
{
	struct sp_store *s = *state;
	struct sp_id id = must_create(s, "x");
	struct sp_stored st;

	assert_int_equal(must_claim(s, &id, 1, NULL), SP_CLAIM_MINE);
	int64_t started = must_row(s, &id).started_at_ms;
	for (int lost = 1; lost <= 2; lost++) {
		assert_int_equal(must_claim_over(s, &id, 1, &st), SP_CLAIM_MINE);
		assert_int_equal(st.row.lost, lost);
		assert_int_equal(st.row.claim_no, lost + 1);
		sp_stored_fini(&st);
	}
	assert_int_equal(must_claim_over(s, &id, 1, &st), SP_CLAIM_EXHAUSTED);
	assert_int_equal(st.row.status, SP_STATUS_FAILED);
	assert_null(st.data.request.p);
	must_get(s, &id, true, &st);
	assert_int_equal(st.row.status, SP_STATUS_FAILED);
	assert_string_equal(st.row.verdict, "internal_error");
	assert_int_equal(st.row.lost, 3);
	assert_int_equal(st.row.claim_no, 3);
	assert_int_equal(st.row.started_at_ms, started);
	assert_true(st.row.finished_at_ms >= started);
	assert_int_equal(st.row.lease_until_ms, 0);
	assert_bytes(&st.data.result, "{\"reason\":{\"code\":\"evaluator_lost\",\"message\":\"given up: the evaluator that ran it was "
	                              "lost, 3 times\",\"retryable\":true}}");
	sp_stored_fini(&st);
	assert_false(must_finish(s, &id, 3, "late"));
	assert_int_equal(must_claim(s, &id, 1, NULL), SP_CLAIM_TERMINAL);
}

static void max_lost_of_one(void **state)
{
	struct sp_store *s = *state;
	struct sp_id id = must_create(s, "x");
	struct sp_claim_request in = {.id = id, .evaluator_id = EVALUATOR, .lease_ms = 1, .max_lost = 1};
	enum sp_claim_outcome outcome;
	struct sp_stored st;

	assert_int_equal(sp_store_claim(s, &in, &outcome, &st, NULL), 0);
	assert_int_equal(outcome, SP_CLAIM_MINE);
	sp_stored_fini(&st);
	do {
		assert_int_equal(sp_store_claim(s, &in, &outcome, &st, NULL), 0);
	} while (outcome == SP_CLAIM_ELSEWHERE);
	assert_int_equal(outcome, SP_CLAIM_EXHAUSTED);
	assert_int_equal(must_row(s, &id).lost, 1);

	/* Released after losses that are too many by now: given up without another loss. */
	id = must_create(s, "y");
	assert_int_equal(must_claim(s, &id, 1, NULL), SP_CLAIM_MINE);
	assert_int_equal(must_claim_over(s, &id, LONG_LEASE_MS, NULL), SP_CLAIM_MINE);
	assert_true(must_release(s, &id, 2));
	in.id = id;
	assert_int_equal(sp_store_claim(s, &in, &outcome, &st, NULL), 0);
	assert_int_equal(outcome, SP_CLAIM_EXHAUSTED);
	assert_int_equal(st.row.lost, 1);
}

static void release_does_not_count(void **state)
{
	struct sp_store *s = *state;
	struct sp_id id = must_create(s, "x");
	struct sp_evaluation row;
	int64_t started = 0;

	for (int64_t n = 1; n <= 5; n++) {
		assert_int_equal(must_claim(s, &id, LONG_LEASE_MS, NULL), SP_CLAIM_MINE);
		row = must_row(s, &id);
		if (n == 1) started = row.started_at_ms;
		assert_int_equal(row.claim_no, n);
		assert_int_equal(row.lost, 0);
		assert_false(must_release(s, &id, n + 1));
		assert_true(must_release(s, &id, n));
		assert_false(must_release(s, &id, n));
		row = must_row(s, &id);
		assert_int_equal(row.status, SP_STATUS_CREATED);
		assert_int_equal(row.lease_until_ms, 0);
		assert_string_equal(row.evaluator_id, "");
		assert_int_equal(row.claim_no, n);
	}
	assert_int_equal(row.started_at_ms, started);
	assert_false(must_finish(s, &id, 5, "after the release"));
}

static void renew(void **state)
{
	struct sp_store *s = *state;
	struct sp_lease leases[6] = {0};
	struct sp_err err = {0};

	for (int i = 0; i < 5; i++) {
		leases[i].id = must_create(s, "x");
		leases[i].claim_no = 1;
		assert_int_equal(must_claim(s, &leases[i].id, i == 1 ? 1 : LONG_LEASE_MS, NULL), SP_CLAIM_MINE);
	}
	leases[5].id = sp_id_new(); /* erased */
	leases[5].claim_no = 1;
	assert_int_equal(must_claim_over(s, &leases[1].id, LONG_LEASE_MS, NULL), SP_CLAIM_MINE); /* taken by another claim */
	assert_true(must_finish(s, &leases[2].id, 1, "")); /* ended */
	assert_true(must_release(s, &leases[3].id, 1)); /* given back */
	(void)must_cancel(s, &leases[4].id);
	int64_t before = must_row(s, &leases[0].id).lease_until_ms;
	assert_int_equal(sp_store_renew(s, EVALUATOR, 2 * LONG_LEASE_MS, leases, 6, &err), 0);
	const bool lost[] = {false, true, true, true, false, true}, cancel[] = {false, false, false, false, true, false};
	for (int i = 0; i < 6; i++) {
		assert_int_equal(leases[i].lost, lost[i]);
		assert_int_equal(leases[i].cancel, cancel[i]);
	}
	assert_true(must_row(s, &leases[0].id).lease_until_ms >= before + LONG_LEASE_MS);
	assert_true(must_row(s, &leases[1].id).lease_until_ms <= before + 60000);
	/* Another evaluator's lease is not mine to renew. */
	assert_int_equal(sp_store_renew(s, "evaluator-2", LONG_LEASE_MS, leases, 1, &err), 0);
	assert_true(leases[0].lost);
	/* A lease that is over but taken by nobody lives again. */
	assert_int_equal(sp_store_renew(s, EVALUATOR, 1, leases, 1, &err), 0);
	assert_int_equal(sp_store_renew(s, EVALUATOR, LONG_LEASE_MS, leases, 1, &err), 0);
	assert_false(leases[0].lost);
	assert_int_equal(must_claim(s, &leases[0].id, LONG_LEASE_MS, NULL), SP_CLAIM_ELSEWHERE);
	assert_int_equal(must_row(s, &leases[0].id).lost, 0);
	assert_int_equal(sp_store_renew(s, EVALUATOR, LONG_LEASE_MS, NULL, 0, &err), 0);
}

static void scan_waiting(void **state)
{
	struct sp_store *s = *state;
	struct sp_scan_item items[16];
	struct sp_id ids[10];

	for (int c = 0; c < SP_CLASSES; c++) assert_int_equal(must_scan(s, SP_SCAN_WAITING, (enum sp_class)c, NULL, items, 16), 0);
	for (int i = 0; i < 10; i++) ids[i] = sp_id_new();
	/* Made in another order than their ids. */
	for (int i = 0; i < 10; i++) {
		struct sp_new_evaluation in = new_evaluation("x");
		in.id = ids[(i * 7) % 10];
		in.class_ = (i * 7) % 10 % 3 == 2 ? SP_CLASS_INTERACTIVE : SP_CLASS_BULK;
		must_create_as(s, &in);
	}
	assert_int_equal(must_claim(s, &ids[3], LONG_LEASE_MS, NULL), SP_CLAIM_MINE);
	assert_int_equal(must_claim(s, &ids[6], LONG_LEASE_MS, NULL), SP_CLAIM_MINE);
	assert_true(must_finish(s, &ids[6], 1, ""));
	const int want[] = {0, 1, 4, 7, 9}, interactive[] = {2, 5, 8};
	assert_int_equal(must_scan(s, SP_SCAN_WAITING, SP_CLASS_BULK, NULL, items, 16), 5);
	for (int i = 0; i < 5; i++) {
		assert_true(sp_id_equal(&items[i].id, &ids[want[i]]));
		assert_int_equal(items[i].class_, SP_CLASS_BULK);
	}
	/* Page by page the same, and then nothing. */
	struct sp_id after;
	const struct sp_id *at = NULL;
	int seen = 0, n;
	while ((n = must_scan(s, SP_SCAN_WAITING, SP_CLASS_BULK, at, items, 2)) > 0) {
		for (int i = 0; i < n; i++) assert_true(sp_id_equal(&items[i].id, &ids[want[seen++]]));
		after = items[n - 1].id;
		at = &after;
	}
	assert_int_equal(n, 0);
	assert_int_equal(seen, 5);
	/* The other class, as if there were no bulk. */
	assert_int_equal(must_scan(s, SP_SCAN_WAITING, SP_CLASS_INTERACTIVE, NULL, items, 16), 3);
	for (int i = 0; i < 3; i++) {
		assert_true(sp_id_equal(&items[i].id, &ids[interactive[i]]));
		assert_int_equal(items[i].class_, SP_CLASS_INTERACTIVE);
	}
	assert_true(must_release(s, &ids[3], 1));
	assert_int_equal(must_scan(s, SP_SCAN_WAITING, SP_CLASS_BULK, &ids[2], items, 1), 1);
	assert_true(sp_id_equal(&items[0].id, &ids[3]));
	assert_int_equal(must_scan(s, SP_SCAN_WAITING, SP_CLASS_BULK, NULL, items, 0), 0);
}

static void scan_expired(void **state)
{
	struct sp_store *s = *state;
	struct sp_scan_item items[8];
	struct sp_id ids[6];

	for (int i = 0; i < 6; i++) {
		ids[i] = must_create(s, "x");
		if (i == 5) continue; /* waits */
		assert_int_equal(must_claim(s, &ids[i], i == 2 ? LONG_LEASE_MS : 1, NULL), SP_CLAIM_MINE);
	}
	assert_true(must_finish(s, &ids[1], 1, ""));
	int n;
	do {
		n = must_scan(s, SP_SCAN_EXPIRED, 0, NULL, items, 8);
	} while (n < 3);
	const int want[] = {0, 3, 4};
	assert_int_equal(n, 3);
	for (int i = 0; i < 3; i++) {
		assert_true(sp_id_equal(&items[i].id, &ids[want[i]]));
		assert_int_equal(items[i].class_, SP_CLASS_BULK);
	}
	assert_int_equal(must_scan(s, SP_SCAN_EXPIRED, 0, &ids[0], items, 1), 1);
	assert_true(sp_id_equal(&items[0].id, &ids[3]));
	assert_int_equal(must_scan(s, SP_SCAN_EXPIRED, 0, &ids[4], items, 8), 0);
}

static void sweep(void **state)
{
	struct sp_store *s = *state;
	struct sp_id ids[4];
	bool terminal[4] = {true, true, false, false};

	assert_int_equal(sp_store_sweep(s, NULL, 0, NULL, NULL), 0);
	for (int i = 0; i < 3; i++) ids[i] = must_create(s, "x");
	ids[3] = sp_id_new();
	assert_int_equal(must_claim(s, &ids[1], LONG_LEASE_MS, NULL), SP_CLAIM_MINE);
	assert_int_equal(must_claim(s, &ids[2], LONG_LEASE_MS, NULL), SP_CLAIM_MINE);
	assert_true(must_finish(s, &ids[2], 1, ""));
	assert_int_equal(sp_store_sweep(s, ids, 4, terminal, NULL), 0);
	assert_false(terminal[0]);
	assert_false(terminal[1]);
	assert_true(terminal[2]);
	assert_true(terminal[3]);
	assert_true(must_finish(s, &ids[1], 1, ""));
	assert_int_equal(sp_store_sweep(s, ids, 2, terminal, NULL), 0);
	assert_true(terminal[1]);
}

/* n bytes with every value, NUL among them, different for each seed. */
static struct sp_bytes pattern(size_t n, unsigned seed)
{
	struct sp_bytes b = {malloc(n), n};

	assert_non_null(b.p);
	for (size_t i = 0; i < n; i++) b.p[i] = (char)((i * 31 + i / 256 + seed) & 0xff);
	b.p[0] = b.p[n - 1] = '\0';
	return b;
}

static void large_data(void **state)
{
	struct sp_store *s = *state;
	struct sp_bytes request = pattern(1 << 20, 1), output = pattern(1 << 20, 2), compiled = pattern(70000, 3),
	                segments = pattern(4096, 4);
	struct sp_new_evaluation in = new_evaluation("");
	struct sp_evaluation row;
	struct sp_stored st;
	bool applied;

	in.request = request;
	assert_int_equal(try_create(s, &in, &row), SP_CREATE_NEW);
	assert_int_equal(must_claim(s, &in.id, LONG_LEASE_MS, &st), SP_CLAIM_MINE);
	assert_int_equal(st.data.request.n, request.n);
	assert_memory_equal(st.data.request.p, request.p, request.n);
	sp_stored_fini(&st);
	struct sp_finish f = {.id = in.id,
	        .claim_no = 1,
	        .status = SP_STATUS_FINISHED,
	        .verdict = "ok",
	        .output = output,
	        .segments = segments,
	        .compile_output = compiled};
	assert_int_equal(sp_store_finish(s, &f, &applied, NULL), 0);
	assert_true(applied);
	must_get(s, &in.id, true, &st);
	assert_int_equal(st.data.result.n, 0);
	assert_int_equal(st.data.output.n, output.n);
	assert_memory_equal(st.data.output.p, output.p, output.n);
	assert_int_equal(st.data.segments.n, segments.n);
	assert_memory_equal(st.data.segments.p, segments.p, segments.n);
	assert_int_equal(st.data.compile_output.n, compiled.n);
	assert_memory_equal(st.data.compile_output.p, compiled.p, compiled.n);
	sp_stored_fini(&st);
	free(request.p);
	free(output.p);
	free(compiled.p);
	free(segments.p);
}

static void refused_arguments(void **state)
{
	struct sp_store *s = *state;
	struct sp_new_evaluation in = new_evaluation("x");
	struct sp_claim_request claim = {.id = in.id, .evaluator_id = EVALUATOR, .lease_ms = 1, .max_lost = 1};
	struct sp_finish f = {.id = in.id, .claim_no = 1, .status = SP_STATUS_FINISHED, .verdict = "ok"};
	enum sp_claim_outcome outcome;
	enum sp_create_outcome created;
	struct sp_evaluation row;
	struct sp_stored st;
	struct sp_err err = {0};
	char longest[200];
	bool applied;

	memset(longest, 'x', sizeof(longest));
	longest[128] = '\0';
	in.reference = longest;
	assert_int_equal(try_create(s, &in, &row), SP_CREATE_NEW);
	assert_string_equal(must_row(s, &in.id).reference, longest);
	longest[128] = 'x';
	longest[129] = '\0';
	in.id = sp_id_new();
	assert_int_equal(sp_store_create(s, &in, &created, &row, &err), -1);
	assert_err(&err, SP_E_INVALID, "store: create: reference too long");
	in.reference = NULL;
	in.language = "";
	assert_int_equal(sp_store_create(s, &in, &created, &row, &err), -1);
	assert_err(&err, SP_E_INVALID, "store: create: language");
	in.language = longest;
	assert_int_equal(sp_store_create(s, &in, &created, &row, &err), -1);
	in.language = "node";
	in.max_waiting = -1;
	assert_int_equal(sp_store_create(s, &in, &created, &row, &err), -1);
	assert_err(&err, SP_E_INVALID, "max_waiting");
	assert_false(exists(s, &in.id));

	claim.lease_ms = 0;
	assert_int_equal(sp_store_claim(s, &claim, &outcome, &st, &err), -1);
	assert_err(&err, SP_E_INVALID, "lease_ms");
	claim.lease_ms = 1;
	claim.evaluator_id = longest;
	assert_int_equal(sp_store_claim(s, &claim, &outcome, &st, &err), -1);
	assert_err(&err, SP_E_INVALID, "evaluator_id");
	f.status = SP_STATUS_EVALUATING;
	assert_int_equal(sp_store_finish(s, &f, &applied, &err), -1);
	assert_err(&err, SP_E_INVALID, "status is not terminal");
	f.status = SP_STATUS_FINISHED;
	f.verdict = NULL;
	assert_int_equal(sp_store_finish(s, &f, &applied, &err), -1);
	assert_err(&err, SP_E_INVALID, "no verdict");
	f.verdict = longest;
	assert_int_equal(sp_store_finish(s, &f, &applied, &err), -1);
	assert_err(&err, SP_E_INVALID, "text too long");
}

static void close_nothing(void **state) { sp_store_close(NULL); }

#define T CONTRACT_TEST

static const struct CMUnitTest tests[] = {
        T(create_and_get),
        T(create_without_reference),
        T(same_id_twice),
        T(max_waiting),
        T(claim_run_finish),
        T(exit_codes),
        T(absent),
        T(canceled_before_it_ran),
        T(canceled_while_it_ran),
        T(fencing),
        T(finish_after_the_lease),
        T(exhausted),
        T(max_lost_of_one),
        T(release_does_not_count),
        T(renew),
        T(scan_waiting),
        T(scan_expired),
        T(sweep),
        T(large_data),
        T(refused_arguments),
        T(store_crowd),
        T(close_nothing),
};

CONTRACT_MAIN(tests)
