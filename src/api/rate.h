/* SPDX-License-Identifier: MIT */
/*
 * Token buckets: how many requests somebody may make. A bucket holds `per_minute` tokens and fills at that rate, so a minute's worth may come at once. A fixed table: when it is crowded the fullest bucket nearby is forgotten,
 * which is worth least (a full one is the same as none). Any thread.
 */
#ifndef SP_API_RATE_H
#define SP_API_RATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sp_rate;

struct sp_rate_state {
	bool allowed;
	int64_t limit, remaining; /* requests */
	int64_t reset_s; /* until the bucket is full */
	int64_t retry_s; /* until the next one is allowed; 0 when allowed */
};

/* buckets: a power of two, at least 8. */
struct sp_rate *sp_rate_new(size_t buckets);
void sp_rate_free(struct sp_rate *r); /* NULL is fine */
/* who: what identifies the bucket, well mixed. per_minute 1 to 10,000,000. now_ns: sp_mono_ns(). Takes a token if there is one. */
void sp_rate_take(struct sp_rate *r, uint64_t who, int64_t per_minute, int64_t now_ns, struct sp_rate_state *out);

#endif
