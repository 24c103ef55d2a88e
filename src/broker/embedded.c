/* SPDX-License-Identifier: MIT */
/*
 * The embedded broker: a wake-up inside one process. Two bounded queues of ids under one mutex; what does not fit is dropped and flagged, and the janitor finds it
 * again in the store. An id that is still queued is not queued twice, so that the janitor may publish freely.
 *
 * Every queued id is a node of `nodes`; nodes are linked by index (0 = none, so node 0 is never used) into the list of their class, into a chain of the hash table, or
 * into the free list through `next`. Invariants, all under `lock`:
 * 1. A node is in exactly one class list and in the chain of its id, or in the free list and in no chain.
 * 2. depth[c] <= max, and the depths add up to the nodes in use; so with 2 × max nodes there is a free one whenever a depth is below max.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "broker/driver.h"

/* After so many interactive ones in a row one bulk, if any waits: bulk is slow under load, but never starves. */
#define INTERACTIVE_IN_A_ROW 8

struct node {
	struct sp_id id;
	uint32_t next; /* in its class list or the free list */
	uint32_t chain; /* in its hash chain */
	uint8_t class_;
	bool wants_reply;
};

struct queue {
	uint32_t head, tail;
};

struct embedded {
	struct sp_broker super;
	size_t max;
	pthread_mutex_t lock;
	pthread_cond_t arrived;
	struct node *nodes;
	uint32_t free_list;
	uint32_t *table; /* heads of the hash chains */
	size_t table_mask;
	struct queue queues[SP_CLASSES];
	size_t depth[SP_CLASSES];
	unsigned in_a_row; /* interactive ones taken since the last bulk one */
	uint64_t last_tag;
	bool overflowed, stopped;
	sp_broker_on_reply reply_fn;
	void *reply_cls;
};

static struct embedded *embedded_of(struct sp_broker *b) { return (struct embedded *)b; }

static uint32_t *bucket(struct embedded *e, const struct sp_id *id) { return &e->table[sp_id_hash(id) & e->table_mask]; }

static struct node *find(struct embedded *e, const struct sp_id *id)
{
	for (uint32_t i = *bucket(e, id); i; i = e->nodes[i].chain)
		if (sp_id_equal(&e->nodes[i].id, id)) return &e->nodes[i];
	return NULL;
}

/* With the lock. False: there was no room. */
static bool enqueue(struct embedded *e, const struct sp_id *id, enum sp_class class_, bool wants_reply)
{
	struct node *known = find(e, id);

	if (known) {
		if (wants_reply) known->wants_reply = true;
		return true;
	}
	if (e->depth[class_] >= e->max) {
		e->overflowed = true;
		return false;
	}
	uint32_t i = e->free_list, *chain = bucket(e, id);
	SP_BUG_ON(i == 0);
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): nodes are made with the queue and outlive this */
	e->free_list = e->nodes[i].next;
	e->nodes[i] = (struct node){.id = *id, .chain = *chain, .class_ = (uint8_t)class_, .wants_reply = wants_reply};
	*chain = i;
	struct queue *q = &e->queues[class_];
	if (q->tail)
		e->nodes[q->tail].next = i;
	else
		q->head = i;
	q->tail = i;
	e->depth[class_]++;
	return true;
}

/* With the lock: the queue of this class is not empty. */
static void dequeue(struct embedded *e, enum sp_class class_, struct sp_delivery *out)
{
	struct queue *q = &e->queues[class_];
	uint32_t i = q->head, *link;
	struct node *n = &e->nodes[i];

	SP_BUG_ON(i == 0);
	*out = (struct sp_delivery){.id = n->id, .class_ = class_, .tag = ++e->last_tag, .wants_reply = n->wants_reply};
	for (link = bucket(e, &n->id); *link != i; link = &e->nodes[*link].chain) SP_BUG_ON(*link == 0);
	*link = n->chain;
	q->head = n->next;
	if (!q->head) q->tail = 0;
	n->next = e->free_list;
	e->free_list = i;
	e->depth[class_]--;
}

static int embedded_publish(struct sp_broker *b, const struct sp_id *id, enum sp_class class_, bool wants_reply, struct sp_err *err)
{
	struct embedded *e = embedded_of(b);

	pthread_mutex_lock(&e->lock);
	/* Full is not a failure of the caller's: the row is durable, `overflowed` tells the janitor. */
	if (enqueue(e, id, class_, wants_reply)) pthread_cond_signal(&e->arrived);
	pthread_mutex_unlock(&e->lock);
	return 0;
}

static enum sp_take embedded_take(struct sp_broker *b, int timeout_ms, struct sp_delivery *out)
{
	struct embedded *e = embedded_of(b);
	int64_t deadline = timeout_ms > 0 ? sp_mono_ns() + timeout_ms * SP_NS_PER_MS : 0;
	enum sp_take got = SP_TAKE_NOTHING;
	bool over = timeout_ms <= 0;

	pthread_mutex_lock(&e->lock);
	for (;;) {
		bool bulk = e->depth[SP_CLASS_BULK] > 0, interactive = e->depth[SP_CLASS_INTERACTIVE] > 0;
		if (e->stopped) {
			got = SP_TAKE_STOPPED;
			break;
		}
		if (bulk || interactive) {
			enum sp_class class_ =
			        !interactive || (bulk && e->in_a_row >= INTERACTIVE_IN_A_ROW) ? SP_CLASS_BULK : SP_CLASS_INTERACTIVE;
			dequeue(e, class_, out);
			e->in_a_row = class_ == SP_CLASS_BULK ? 0 : e->in_a_row < INTERACTIVE_IN_A_ROW ? e->in_a_row + 1 : e->in_a_row;
			got = SP_TAKE_GOT;
			break;
		}
		/* Looked once more after the time is over: a publish may have come with it, and its signal may have been for us. */
		if (over) break;
		over = sp_cond_wait_until(&e->arrived, &e->lock, deadline) != 0;
	}
	pthread_mutex_unlock(&e->lock);
	return got;
}

/* What was taken is in nobody's queue, and the store knows who has it: nothing to take back. */
static void embedded_ack(struct sp_broker *b, const struct sp_delivery *d) {}

static void embedded_requeue(struct sp_broker *b, const struct sp_delivery *d)
{
	struct embedded *e = embedded_of(b);

	pthread_mutex_lock(&e->lock);
	if (enqueue(e, &d->id, d->class_, d->wants_reply)) pthread_cond_signal(&e->arrived);
	pthread_mutex_unlock(&e->lock);
}

static void embedded_reply(struct sp_broker *b, const struct sp_delivery *d)
{
	struct embedded *e = embedded_of(b);

	pthread_mutex_lock(&e->lock);
	sp_broker_on_reply fn = e->reply_fn;
	void *cls = e->reply_cls;
	pthread_mutex_unlock(&e->lock);
	/* Outside the lock: what it wakes may publish. */
	if (fn) fn(cls, &d->id);
}

static void embedded_on_reply(struct sp_broker *b, sp_broker_on_reply fn, void *cls)
{
	struct embedded *e = embedded_of(b);

	pthread_mutex_lock(&e->lock);
	e->reply_fn = fn;
	e->reply_cls = cls;
	pthread_mutex_unlock(&e->lock);
}

static void embedded_depth(struct sp_broker *b, size_t depth[SP_CLASSES], bool *overflowed)
{
	struct embedded *e = embedded_of(b);

	pthread_mutex_lock(&e->lock);
	for (int c = 0; c < SP_CLASSES; c++) depth[c] = e->depth[c];
	*overflowed = e->overflowed;
	e->overflowed = false;
	pthread_mutex_unlock(&e->lock);
}

static void embedded_stop(struct sp_broker *b)
{
	struct embedded *e = embedded_of(b);

	pthread_mutex_lock(&e->lock);
	e->stopped = true;
	pthread_cond_broadcast(&e->arrived);
	pthread_mutex_unlock(&e->lock);
}

static void embedded_close(struct sp_broker *b)
{
	struct embedded *e = embedded_of(b);

	pthread_cond_destroy(&e->arrived);
	pthread_mutex_destroy(&e->lock);
	free(e->table);
	free(e->nodes);
	free(e);
}

static const struct sp_broker_ops embedded_ops = {
        .name = "embedded",
        .publish = embedded_publish,
        .take = embedded_take,
        .ack = embedded_ack,
        .requeue = embedded_requeue,
        .reply = embedded_reply,
        .on_reply = embedded_on_reply,
        .depth = embedded_depth,
        .stop = embedded_stop,
        .close = embedded_close,
};

static struct sp_broker *embedded_open(const char *url, struct sp_broker_options opt, struct sp_err *err)
{
	struct embedded *e = sp_new(struct embedded);
	size_t count = opt.queue_max * SP_CLASSES + 1, slots = 16;

	while (slots < count) slots *= 2;
	e->super.ops = &embedded_ops;
	e->max = opt.queue_max;
	e->nodes = sp_calloc(count, sizeof(*e->nodes));
	e->table = sp_calloc(slots, sizeof(*e->table));
	e->table_mask = slots - 1;
	for (size_t i = count - 1; i > 0; i--) {
		e->nodes[i].next = e->free_list;
		e->free_list = (uint32_t)i;
	}
	pthread_mutex_init(&e->lock, NULL);
	sp_cond_init(&e->arrived);
	/* It is always reached, and gives up on nothing; shown all the same, so that alerts need not know which broker it is. */
	sp_metric_gauge(SP_M_BROKER_CONNECTED, 1);
	sp_metric_start(SP_M_DEAD_LETTERS);
	return &e->super;
}

const struct sp_broker_driver sp_broker_embedded = {.scheme = "embedded", .open = embedded_open};
