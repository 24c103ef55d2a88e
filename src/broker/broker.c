/* SPDX-License-Identifier: MIT */
/* The checked front of every broker. */
#include "broker/broker.h"

#include <string.h>

#include "broker/driver.h"

#define QUEUE_MAX_DEFAULT 10000
#define QUEUE_MAX_MOST 10000000 /* some 500 MB a class in the embedded broker: more is a typing error */

static const struct sp_broker_driver *const drivers[] = {&sp_broker_embedded};

struct sp_broker *sp_broker_open(const char *url, const struct sp_broker_options *opt, struct sp_err *err)
{
	struct sp_broker_options o = opt ? *opt : (struct sp_broker_options){0};
	size_t n = url ? strcspn(url, ":") : 0;

	if (o.queue_max == 0) o.queue_max = QUEUE_MAX_DEFAULT;
	if (o.queue_max > QUEUE_MAX_MOST) {
		sp_fail(err, SP_E_INVALID, 0, "broker: a queue of %zu (at most %d)", o.queue_max, QUEUE_MAX_MOST);
		return NULL;
	}
	for (size_t i = 0; i < SP_COUNT(drivers) && n; i++)
		if (strlen(drivers[i]->scheme) == n && memcmp(drivers[i]->scheme, url, n) == 0) return drivers[i]->open(url, o, err);
	/* The scheme alone: the rest of a URL may hold a password. */
	sp_fail(err, SP_E_INVALID, 0, "no broker \"%.*s\"; this program has embedded", n > 32 ? 32 : (int)n, url ? url : "");
	return NULL;
}

int sp_broker_publish(struct sp_broker *b, const struct sp_id *id, enum sp_class class_, bool wants_reply, struct sp_err *err)
{
	if ((unsigned)class_ >= SP_CLASSES) return sp_fail(err, SP_E_INVALID, 0, "broker: publish: class");
	return b->ops->publish(b, id, class_, wants_reply, err) == 0 ? 0 : sp_wrap(err, "broker: publish");
}

enum sp_take sp_broker_take(struct sp_broker *b, int timeout_ms, struct sp_delivery *out) { return b->ops->take(b, timeout_ms, out); }

void sp_broker_ack(struct sp_broker *b, const struct sp_delivery *d) { b->ops->ack(b, d); }

void sp_broker_requeue(struct sp_broker *b, const struct sp_delivery *d) { b->ops->requeue(b, d); }

void sp_broker_reply(struct sp_broker *b, const struct sp_delivery *d) { b->ops->reply(b, d); }

void sp_broker_set_on_reply(struct sp_broker *b, sp_broker_on_reply fn, void *cls) { b->ops->on_reply(b, fn, cls); }

void sp_broker_depth(struct sp_broker *b, size_t depth[SP_CLASSES], bool *overflowed) { b->ops->depth(b, depth, overflowed); }

void sp_broker_stop(struct sp_broker *b) { b->ops->stop(b); }

void sp_broker_close(struct sp_broker *b)
{
	if (b) b->ops->close(b);
}
