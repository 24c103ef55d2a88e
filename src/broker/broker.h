/* SPDX-License-Identifier: MIT */
/*
 * The broker: tells evaluators that an evaluation waits, and API processes that one has ended. It carries ids only; the store is the truth.
 * Contract: at least once, in any order, may duplicate, may lose as long as the store still says `created` (the janitor makes up for loss).
 * Back-ends: embedded (in memory, one process; a wake-up, not a second durable queue), later rabbitmq. Any thread may call anything at the same time;
 * a back-end that owns a connection gives it a thread of its own.
 */
#ifndef SP_BROKER_BROKER_H
#define SP_BROKER_BROKER_H

#include "base/err.h"
#include "store/record.h"

struct sp_broker;

struct sp_delivery {
	struct sp_id id;
	enum sp_class class_;
	uint64_t tag; /* the back-end's own */
	bool wants_reply; /* somebody waits: reply after the result is stored */
};

/* Called on a thread of the broker (embedded: on the replying thread) when an evaluation is said to have ended. A hint: the receiver reads the store. Must not block. */
typedef void (*sp_broker_on_reply)(void *cls, const struct sp_id *id);

enum sp_take { SP_TAKE_GOT, SP_TAKE_NOTHING /* time over */, SP_TAKE_STOPPED };

struct sp_broker_ops {
	const char *name;
	/* API work thread after the row is durable, and janitor. Failing loses nothing: the janitor publishes again. */
	int (*publish)(struct sp_broker *b, const struct sp_id *id, enum sp_class class_, bool wants_reply, struct sp_err *err);
	/* Worker slot thread: waits up to timeout_ms for work. Interactive first, but after 8 in a row one bulk if any waits. */
	enum sp_take (*take)(struct sp_broker *b, int timeout_ms, struct sp_delivery *out);
	/* Worker slot thread: the delivery is dealt with (after the result is stored). */
	void (*ack)(struct sp_broker *b, const struct sp_delivery *d);
	/* Worker slot thread: not dealt with; deliver again later, here or elsewhere. */
	void (*requeue)(struct sp_broker *b, const struct sp_delivery *d);
	/* Worker slot thread after the result is stored: wake those who wait for this id. */
	void (*reply)(struct sp_broker *b, const struct sp_delivery *d);
	/* API start-up, once, before the first publish. */
	void (*on_reply)(struct sp_broker *b, sp_broker_on_reply fn, void *cls);
	/* Janitor: how many wait in here by class (what this process can see); true in *overflowed (then cleared) if publishes were dropped because a queue was full. */
	void (*depth)(struct sp_broker *b, size_t depth[SP_CLASSES], bool *overflowed);
	/* Drain: take() returns SP_TAKE_STOPPED from now on, also to those waiting in it; publish and reply still work. */
	void (*stop)(struct sp_broker *b);
	void (*close)(struct sp_broker *b);
};
struct sp_broker {
	const struct sp_broker_ops *ops;
};

struct sp_broker_options {
	size_t queue_max; /* embedded: ids held in memory a class; more are dropped and found again by the janitor. 0: 10,000 */
};

/* url: "embedded". NULL + err. */
struct sp_broker *sp_broker_open(const char *url, const struct sp_broker_options *opt, struct sp_err *err) SP_MUSTCHECK;

int sp_broker_publish(struct sp_broker *b, const struct sp_id *id, enum sp_class class_, bool wants_reply, struct sp_err *err);
enum sp_take sp_broker_take(struct sp_broker *b, int timeout_ms, struct sp_delivery *out);
void sp_broker_ack(struct sp_broker *b, const struct sp_delivery *d);
void sp_broker_requeue(struct sp_broker *b, const struct sp_delivery *d);
void sp_broker_reply(struct sp_broker *b, const struct sp_delivery *d);
void sp_broker_set_on_reply(struct sp_broker *b, sp_broker_on_reply fn, void *cls);
void sp_broker_depth(struct sp_broker *b, size_t depth[SP_CLASSES], bool *overflowed);
void sp_broker_stop(struct sp_broker *b);
void sp_broker_close(struct sp_broker *b);

#endif
