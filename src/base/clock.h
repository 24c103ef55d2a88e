/* SPDX-License-Identifier: MIT */
/* Time. Durations and deadlines are CLOCK_MONOTONIC in nanoseconds; dates are CLOCK_REALTIME in milliseconds since 1970. */
#ifndef SP_BASE_CLOCK_H
#define SP_BASE_CLOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define SP_NS_PER_MS INT64_C(1000000)
#define SP_NS_PER_S INT64_C(1000000000)

int64_t sp_mono_ns(void);
int64_t sp_wall_ms(void);

/* "2026-11-22T19:40:16.120Z" */
#define SP_RFC3339_LEN 25
void sp_format_rfc3339(char out[SP_RFC3339_LEN], int64_t wall_ms);
/* RFC 3339: date, "T", time, up to 9 decimals (the fourth and later are dropped), "Z" or an offset; 1970 to 9999. False: *wall_ms is untouched. */
bool sp_parse_rfc3339(const char *text, int64_t *wall_ms);

/* A condition variable that waits on CLOCK_MONOTONIC, and a wait until an absolute sp_mono_ns() time: 0 woken, -1 time over. */
void sp_cond_init(pthread_cond_t *c);
int sp_cond_wait_until(pthread_cond_t *c, pthread_mutex_t *m, int64_t deadline_ns);

#endif
