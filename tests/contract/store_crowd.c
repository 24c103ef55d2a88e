/* SPDX-License-Identifier: MIT */
/* Many threads on one store: every evaluation is claimed, run and ended by exactly one of them. */
#include "store_support.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define THREADS 8
#define EACH 200
#define ALL (THREADS * EACH)

struct crowd;
struct member {
	int number, wins;
	struct crowd *crowd;
	bool winner[ALL];
	char failed[300];
};
struct crowd {
	struct sp_store *s;
	pthread_barrier_t created;
	struct sp_id ids[ALL];
	struct member of[THREADS];
};

/* cmocka's asserts jump, so threads only note what went wrong. */
static void *crowd_main(void *cls)
{
	struct member *me = cls;
	struct crowd *c = me->crowd;
	struct sp_err err = {0};

	for (int i = 0; i < EACH; i++) {
		struct sp_new_evaluation in = new_evaluation("crowd");
		struct sp_evaluation row;
		enum sp_create_outcome created;
		if (sp_store_create(c->s, &in, &created, &row, &err) != 0) snprintf(me->failed, sizeof(me->failed), "%s", err.msg);
		c->ids[me->number * EACH + i] = in.id;
	}
	pthread_barrier_wait(&c->created);
	for (int i = 0; i < ALL; i++) {
		int n = (i * 7 + me->number) % ALL; /* 7 and ALL have no common factor: everyone visits all, close on each other's heels */
		struct sp_claim_request in = {.id = c->ids[n], .evaluator_id = EVALUATOR, .lease_ms = LONG_LEASE_MS, .max_lost = 3};
		enum sp_claim_outcome outcome = SP_CLAIM_ABSENT;
		struct sp_stored st;
		bool terminal = false, applied = false;
		if (sp_store_claim(c->s, &in, &outcome, &st, &err) != 0) snprintf(me->failed, sizeof(me->failed), "%s", err.msg);
		sp_stored_fini(&st);
		if (outcome == SP_CLAIM_MINE) {
			char out[16];
			int len = snprintf(out, sizeof(out), "%d", me->number);
			struct sp_finish f = {
			        .id = in.id, .claim_no = 1, .status = SP_STATUS_FINISHED, .verdict = "ok", .output = {out, (size_t)len}};
			if (sp_store_finish(c->s, &f, &applied, &err) != 0 || !applied)
				snprintf(me->failed, sizeof(me->failed), "finish: %s", err.msg);
			me->winner[n] = true;
			me->wins++;
		} else if (outcome != SP_CLAIM_ELSEWHERE && outcome != SP_CLAIM_TERMINAL) {
			snprintf(me->failed, sizeof(me->failed), "outcome %d", outcome);
		}
		if (i % 8 == 0 && sp_store_sweep(c->s, &c->ids[n], 1, &terminal, &err) != 0)
			snprintf(me->failed, sizeof(me->failed), "%s", err.msg);
		if (outcome == SP_CLAIM_MINE && i % 8 == 0 && !terminal)
			snprintf(me->failed, sizeof(me->failed), "finished, but the sweep does not see it");
	}
	return NULL;
}

void store_crowd(void **state)
{
	struct crowd *c = calloc(1, sizeof(*c));
	pthread_t threads[THREADS];
	int wins = 0;

	assert_non_null(c);
	c->s = *state;
	pthread_barrier_init(&c->created, NULL, THREADS);
	for (int i = 0; i < THREADS; i++) {
		c->of[i].number = i;
		c->of[i].crowd = c;
		assert_int_equal(pthread_create(&threads[i], NULL, crowd_main, &c->of[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
	for (int i = 0; i < THREADS; i++) {
		assert_string_equal(c->of[i].failed, "");
		wins += c->of[i].wins;
	}
	assert_int_equal(wins, ALL);
	for (int n = 0; n < ALL; n++) {
		struct sp_stored st;
		char want[16];
		int winner = -1;
		for (int i = 0; i < THREADS; i++)
			if (c->of[i].winner[n]) {
				assert_int_equal(winner, -1);
				winner = i;
			}
		assert_int_not_equal(winner, -1);
		snprintf(want, sizeof(want), "%d", winner);
		must_get(c->s, &c->ids[n], true, &st);
		assert_int_equal(st.row.status, SP_STATUS_FINISHED);
		assert_int_equal(st.row.claim_no, 1);
		assert_bytes(&st.data.output, want);
		sp_stored_fini(&st);
	}
	struct sp_scan_item items[1];
	assert_int_equal(must_scan(c->s, SP_SCAN_WAITING, SP_CLASS_BULK, NULL, items, 1), 0);
	pthread_barrier_destroy(&c->created);
	free(c);
}
