/* SPDX-License-Identifier: MIT */
/* The contract of broker/broker.h, run for every back-end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "broker/broker.h"

#define LONG_MS 600000

static const char *url; /* of the back-end under test: the command line names it */

static struct sp_broker *open_broker(size_t queue_max)
{
	struct sp_broker_options o = {.queue_max = queue_max};
	struct sp_err err = {0};
	struct sp_broker *b = sp_broker_open(url, &o, &err);

	if (!b) fail_msg("%s", err.msg);
	return b;
}

static struct sp_id publish(struct sp_broker *b, enum sp_class class_)
{
	struct sp_id id = sp_id_new();

	assert_int_equal(sp_broker_publish(b, &id, class_, false, NULL), 0);
	return id;
}

static void assert_next(struct sp_broker *b, const struct sp_id *want)
{
	struct sp_delivery d;

	assert_int_equal(sp_broker_take(b, 0, &d), SP_TAKE_GOT);
	assert_true(sp_id_equal(&d.id, want));
}

static void assert_empty(struct sp_broker *b)
{
	struct sp_delivery d;

	assert_int_equal(sp_broker_take(b, 0, &d), SP_TAKE_NOTHING);
}

static void publish_take_ack(void **state)
{
	struct sp_broker *b = open_broker(0);
	struct sp_id id = sp_id_new();
	struct sp_delivery d;

	assert_empty(b);
	assert_int_equal(sp_broker_take(b, 5, &d), SP_TAKE_NOTHING);
	assert_int_equal(sp_broker_publish(b, &id, SP_CLASS_BULK, true, NULL), 0);
	assert_int_equal(sp_broker_take(b, LONG_MS, &d), SP_TAKE_GOT);
	assert_true(sp_id_equal(&d.id, &id));
	assert_int_equal(d.class_, SP_CLASS_BULK);
	assert_true(d.wants_reply);
	sp_broker_ack(b, &d);
	assert_empty(b);
	id = publish(b, SP_CLASS_INTERACTIVE);
	assert_int_equal(sp_broker_take(b, 0, &d), SP_TAKE_GOT);
	assert_int_equal(d.class_, SP_CLASS_INTERACTIVE);
	assert_false(d.wants_reply);
	sp_broker_close(b);
}

static void first_in_first_out(void **state)
{
	struct sp_broker *b = open_broker(0);
	struct sp_id ids[500];

	for (int i = 0; i < 500; i++) ids[i] = publish(b, SP_CLASS_BULK);
	for (int i = 0; i < 500; i++) assert_next(b, &ids[i]);
	assert_empty(b);
	sp_broker_close(b);
}

static void interactive_first_but_not_only(void **state)
{
	struct sp_broker *b = open_broker(0);
	struct sp_id interactive[20], bulk[5];

	for (int i = 0; i < 5; i++) bulk[i] = publish(b, SP_CLASS_BULK);
	for (int i = 0; i < 20; i++) interactive[i] = publish(b, SP_CLASS_INTERACTIVE);
	for (int i = 0; i < 8; i++) assert_next(b, &interactive[i]);
	assert_next(b, &bulk[0]);
	for (int i = 8; i < 16; i++) assert_next(b, &interactive[i]);
	assert_next(b, &bulk[1]);
	for (int i = 16; i < 20; i++) assert_next(b, &interactive[i]);
	for (int i = 2; i < 5; i++) assert_next(b, &bulk[i]);
	/* Eight in a row while no bulk waited: the next bulk one is due at once. */
	for (int i = 0; i < 12; i++) interactive[i] = publish(b, SP_CLASS_INTERACTIVE);
	for (int i = 0; i < 10; i++) assert_next(b, &interactive[i]);
	bulk[0] = publish(b, SP_CLASS_BULK);
	assert_next(b, &bulk[0]);
	assert_next(b, &interactive[10]);
	assert_next(b, &interactive[11]);
	sp_broker_close(b);
}

static void duplicates_while_queued(void **state)
{
	struct sp_broker *b = open_broker(0);
	struct sp_id first = publish(b, SP_CLASS_BULK), second = publish(b, SP_CLASS_BULK);
	struct sp_delivery d;
	size_t depth[SP_CLASSES];
	bool overflowed;

	for (int i = 0; i < 3; i++) assert_int_equal(sp_broker_publish(b, &first, SP_CLASS_BULK, i == 1, NULL), 0);
	sp_broker_depth(b, depth, &overflowed);
	assert_int_equal(depth[SP_CLASS_BULK], 2);
	assert_false(overflowed);
	assert_int_equal(sp_broker_take(b, 0, &d), SP_TAKE_GOT);
	assert_true(sp_id_equal(&d.id, &first));
	assert_true(d.wants_reply); /* one of them did */
	/* Taken is not queued: it may come again. */
	assert_int_equal(sp_broker_publish(b, &first, SP_CLASS_BULK, false, NULL), 0);
	assert_next(b, &second);
	assert_next(b, &first);
	assert_empty(b);
	sp_broker_close(b);
}

static void requeue_goes_to_the_end(void **state)
{
	struct sp_broker *b = open_broker(0);
	struct sp_id first = sp_id_new(), second;
	struct sp_delivery d;

	assert_int_equal(sp_broker_publish(b, &first, SP_CLASS_INTERACTIVE, true, NULL), 0);
	second = publish(b, SP_CLASS_INTERACTIVE);
	assert_int_equal(sp_broker_take(b, 0, &d), SP_TAKE_GOT);
	sp_broker_requeue(b, &d);
	assert_next(b, &second);
	assert_int_equal(sp_broker_take(b, 0, &d), SP_TAKE_GOT);
	assert_true(sp_id_equal(&d.id, &first));
	assert_int_equal(d.class_, SP_CLASS_INTERACTIVE);
	assert_true(d.wants_reply);
	assert_empty(b);
	sp_broker_close(b);
}

static void overflow(void **state)
{
	struct sp_broker *b = open_broker(3);
	struct sp_id ids[3], extra;
	struct sp_delivery d;
	size_t depth[SP_CLASSES];
	bool overflowed = true;

	for (int i = 0; i < 3; i++) ids[i] = publish(b, SP_CLASS_BULK);
	assert_int_equal(sp_broker_publish(b, &ids[0], SP_CLASS_BULK, false, NULL), 0); /* known already: nothing is lost */
	sp_broker_depth(b, depth, &overflowed);
	assert_false(overflowed);
	extra = publish(b, SP_CLASS_BULK);
	struct sp_id other = publish(b, SP_CLASS_INTERACTIVE); /* the classes do not share their room */
	sp_broker_depth(b, depth, &overflowed);
	assert_true(overflowed);
	assert_int_equal(depth[SP_CLASS_BULK], 3);
	assert_int_equal(depth[SP_CLASS_INTERACTIVE], 1);
	sp_broker_depth(b, depth, &overflowed);
	assert_false(overflowed);
	assert_next(b, &other);
	/* A requeue that finds no room is dropped and flagged the same way. */
	assert_int_equal(sp_broker_take(b, 0, &d), SP_TAKE_GOT);
	assert_int_equal(sp_broker_publish(b, &extra, SP_CLASS_BULK, false, NULL), 0);
	sp_broker_requeue(b, &d);
	sp_broker_depth(b, depth, &overflowed);
	assert_true(overflowed);
	assert_next(b, &ids[1]);
	assert_next(b, &ids[2]);
	assert_next(b, &extra);
	assert_empty(b);
	/* Room is given back whatever came between. */
	for (int round = 0; round < 100; round++) {
		for (int i = 0; i < 3; i++) ids[i] = publish(b, round % 2 ? SP_CLASS_BULK : SP_CLASS_INTERACTIVE);
		for (int i = 0; i < 3; i++) assert_next(b, &ids[i]);
	}
	sp_broker_depth(b, depth, &overflowed);
	assert_false(overflowed);
	sp_broker_close(b);
}

struct heard {
	struct sp_id ids[4];
	int n;
};

static void hear(void *cls, const struct sp_id *id)
{
	struct heard *h = cls;

	h->ids[h->n++ % 4] = *id;
}

static void replies(void **state)
{
	struct sp_broker *b = open_broker(0);
	struct heard h = {.n = 0};
	struct sp_delivery d;
	struct sp_id id = publish(b, SP_CLASS_BULK);

	assert_int_equal(sp_broker_take(b, 0, &d), SP_TAKE_GOT);
	sp_broker_reply(b, &d); /* nobody listens yet */
	sp_broker_set_on_reply(b, hear, &h);
	sp_broker_reply(b, &d);
	assert_int_equal(h.n, 1);
	assert_true(sp_id_equal(&h.ids[0], &id));
	sp_broker_stop(b);
	sp_broker_reply(b, &d); /* runs end while we drain */
	assert_int_equal(h.n, 2);
	sp_broker_close(b);
}

static void *take_long(void *cls)
{
	struct sp_delivery d;

	return (void *)(intptr_t)sp_broker_take(cls, LONG_MS, &d);
}

static void stop_wakes_all(void **state)
{
	struct sp_broker *b = open_broker(0);
	struct sp_delivery d;
	struct sp_id id = sp_id_new();
	pthread_t threads[4];
	size_t depth[SP_CLASSES];
	bool overflowed;
	void *got;

	for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&threads[i], NULL, take_long, b), 0);
	sp_broker_stop(b);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], &got), 0);
		assert_int_equal((intptr_t)got, SP_TAKE_STOPPED);
	}
	assert_int_equal(sp_broker_publish(b, &id, SP_CLASS_BULK, false, NULL), 0);
	assert_int_equal(sp_broker_take(b, LONG_MS, &d), SP_TAKE_STOPPED);
	sp_broker_depth(b, depth, &overflowed);
	assert_int_equal(depth[SP_CLASS_BULK], 1);
	sp_broker_close(b);
}

static void publish_wakes_a_waiter(void **state)
{
	struct sp_broker *b = open_broker(0);
	pthread_t threads[3];
	void *got;

	/* Each publish is for one waiter; with a timeout of ten minutes, a lost signal would show. */
	for (int i = 0; i < 3; i++) assert_int_equal(pthread_create(&threads[i], NULL, take_long, b), 0);
	for (int i = 0; i < 3; i++) publish(b, i % 2 ? SP_CLASS_BULK : SP_CLASS_INTERACTIVE);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(pthread_join(threads[i], &got), 0);
		assert_int_equal((intptr_t)got, SP_TAKE_GOT);
	}
	sp_broker_close(b);
}

#define PRODUCERS 4
#define TAKERS 4
#define EACH 5000

struct market {
	struct sp_broker *b;
	struct sp_id ids[PRODUCERS * EACH];
	_Atomic int taken[PRODUCERS * EACH], total;
	_Atomic int producer, strange;
};

static void *produce(void *cls)
{
	struct market *m = cls;
	int me = atomic_fetch_add(&m->producer, 1);

	for (int i = 0; i < EACH; i++)
		if (sp_broker_publish(m->b, &m->ids[me * EACH + i], i % 3 ? SP_CLASS_BULK : SP_CLASS_INTERACTIVE, false, NULL) != 0)
			m->strange++;
	return NULL;
}

static int find_id(const struct market *m, const struct sp_id *id)
{
	int low = 0, high = PRODUCERS * EACH - 1;

	while (low <= high) { /* ids of one process grow */
		int at = (low + high) / 2, order = memcmp(m->ids[at].b, id->b, sizeof(id->b));
		if (order == 0) return at;
		if (order < 0)
			low = at + 1;
		else
			high = at - 1;
	}
	return -1;
}

static void *consume(void *cls)
{
	struct market *m = cls;
	struct sp_delivery d;

	while (sp_broker_take(m->b, LONG_MS, &d) == SP_TAKE_GOT) {
		int at = find_id(m, &d.id);
		if (at < 0) {
			m->strange++;
			continue;
		}
		/* Every seventh is given back once. */
		if (at % 7 == 0 && atomic_fetch_add(&m->taken[at], 1) == 0) {
			sp_broker_requeue(m->b, &d);
			continue;
		}
		if (at % 7 != 0) m->taken[at]++;
		sp_broker_ack(m->b, &d);
		if (atomic_fetch_add(&m->total, 1) + 1 == PRODUCERS * EACH) sp_broker_stop(m->b);
	}
	return NULL;
}

static void many_threads(void **state)
{
	struct market *m = calloc(1, sizeof(*m));
	pthread_t producers[PRODUCERS], takers[TAKERS];

	assert_non_null(m);
	m->b = open_broker(PRODUCERS * EACH);
	for (int i = 0; i < PRODUCERS * EACH; i++) m->ids[i] = sp_id_new();
	for (int i = 0; i < TAKERS; i++) assert_int_equal(pthread_create(&takers[i], NULL, consume, m), 0);
	for (int i = 0; i < PRODUCERS; i++) assert_int_equal(pthread_create(&producers[i], NULL, produce, m), 0);
	for (int i = 0; i < PRODUCERS; i++) pthread_join(producers[i], NULL);
	for (int i = 0; i < TAKERS; i++) pthread_join(takers[i], NULL);
	assert_int_equal(m->strange, 0);
	for (int i = 0; i < PRODUCERS * EACH; i++) assert_int_equal(m->taken[i], i % 7 ? 1 : 2);
	sp_broker_close(m->b);
	free(m);
}

static void open_refused(void **state)
{
	struct sp_err err = {0};
	struct sp_broker_options o = {.queue_max = 100000000};

	assert_null(sp_broker_open("amqp://user:secret@host", NULL, &err));
	assert_int_equal(err.code, SP_E_INVALID);
	assert_string_equal(err.msg, "no broker \"amqp\"; this program has embedded");
	assert_null(sp_broker_open("", NULL, &err));
	assert_int_equal(err.code, SP_E_INVALID);
	assert_null(sp_broker_open("embedded", &o, &err));
	assert_string_equal(err.msg, "broker: a queue of 100000000 (at most 10000000)");
	struct sp_broker *b = sp_broker_open("embedded", NULL, &err);
	assert_non_null(b);
	struct sp_id id = sp_id_new();
	assert_int_equal(sp_broker_publish(b, &id, (enum sp_class)2, false, &err), -1);
	assert_string_equal(err.msg, "broker: publish: class");
	sp_broker_close(b);
	sp_broker_close(NULL);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(publish_take_ack),
	        cmocka_unit_test(first_in_first_out),
	        cmocka_unit_test(interactive_first_but_not_only),
	        cmocka_unit_test(duplicates_while_queued),
	        cmocka_unit_test(requeue_goes_to_the_end),
	        cmocka_unit_test(overflow),
	        cmocka_unit_test(replies),
	        cmocka_unit_test(stop_wakes_all),
	        cmocka_unit_test(publish_wakes_a_waiter),
	        cmocka_unit_test(many_threads),
	        cmocka_unit_test(open_refused),
	};

	if (argc != 2) {
		fprintf(stderr, "usage: %s URL\n", argv[0]);
		return 2;
	}
	url = argv[1];
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name(url, tests, NULL, NULL) != 0;
}
