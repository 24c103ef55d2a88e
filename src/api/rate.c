/* SPDX-License-Identifier: MIT */
#include "api/rate.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

#define PROBES 8
#define MINUTE_NS (60 * SP_NS_PER_S)

/* Kept as the time at which the bucket will be full: one number, and a bucket whose time is past is full however long ago that was. */
struct bucket {
	uint64_t who; /* 0: free */
	int64_t full_at_ns;
};

struct sp_rate {
	pthread_mutex_t lock;
	size_t n;
	struct bucket b[];
};

struct sp_rate *sp_rate_new(size_t n)
{
	SP_BUG_ON(n < PROBES || (n & (n - 1)));
	struct sp_rate *r = sp_calloc(1, sizeof(*r) + n * sizeof(r->b[0]));

	pthread_mutex_init(&r->lock, NULL);
	r->n = n;
	return r;
}

void sp_rate_free(struct sp_rate *r)
{
	if (!r) return;
	pthread_mutex_destroy(&r->lock);
	free(r);
}

static struct bucket *find(struct sp_rate *r, uint64_t who)
{
	struct bucket *victim = NULL;

	for (size_t i = 0; i < PROBES; i++) {
		struct bucket *b = &r->b[(who + i) & (r->n - 1)];
		if (b->who == who) return b;
		if (!victim || b->full_at_ns < victim->full_at_ns) victim = b;
	}
	*victim = (struct bucket){.who = who};
	return victim;
}

void sp_rate_take(struct sp_rate *r, uint64_t who, int64_t per_minute, int64_t now, struct sp_rate_state *out)
{
	int64_t each = MINUTE_NS / per_minute; /* at most 10,000,000 a minute: 6 us or more */

	if (who == 0) who = 1;
	pthread_mutex_lock(&r->lock);
	struct bucket *b = find(r, who);
	int64_t full_at = b->full_at_ns > now ? b->full_at_ns : now;
	/* A rate that was lowered meanwhile may leave more missing than there is now room for. */
	if (full_at > now + MINUTE_NS) full_at = now + MINUTE_NS;
	out->allowed = full_at + each <= now + each * per_minute;
	if (out->allowed) full_at += each;
	b->full_at_ns = full_at;
	pthread_mutex_unlock(&r->lock);

	out->limit = per_minute;
	out->remaining = per_minute - (full_at - now + each - 1) / each;
	if (out->remaining < 0) out->remaining = 0;
	out->reset_s = (full_at - now + SP_NS_PER_S - 1) / SP_NS_PER_S;
	out->retry_s = out->allowed ? 0 : (full_at + each - now - each * per_minute + SP_NS_PER_S - 1) / SP_NS_PER_S;
	if (!out->allowed && out->retry_s < 1) out->retry_s = 1;
}
