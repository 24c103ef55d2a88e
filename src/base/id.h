/* SPDX-License-Identifier: MIT */
/* UUIDv7 (RFC 9562 section 5.7): 48 bits of milliseconds, then random bits; ids made by one process are strictly increasing. */
#ifndef SP_BASE_ID_H
#define SP_BASE_ID_H

#include <stdbool.h>
#include <stdint.h>

struct sp_id {
	unsigned char b[16];
};

#define SP_ID_TEXT 37 /* 36 characters and NUL */

struct sp_id sp_id_new(void); /* thread safe */
void sp_id_text(const struct sp_id *id, char out[SP_ID_TEXT]); /* lower case, with dashes */
bool sp_id_parse(const char *text, struct sp_id *out); /* exactly 36 characters, any case; any UUID version */
/* The time in a UUIDv7, in ms since 1970, and the least id of a time (0 and 2^48 - 1 are the ends). */
int64_t sp_id_ms(const struct sp_id *id);
struct sp_id sp_id_floor(int64_t wall_ms);
bool sp_id_equal(const struct sp_id *a, const struct sp_id *b);
uint64_t sp_id_hash(const struct sp_id *id);

/* Short random text for request ids and names: n-1 characters of [0-9a-z], then NUL. From getrandom(2). */
void sp_random_text(char *out, int n);

#endif
