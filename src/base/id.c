/* SPDX-License-Identifier: MIT */
/*
 * Ids of one process increase strictly, also within one millisecond, between threads, and when the clock is set back: the 74 bits
 * below the time are a counter that starts at a random value with its highest bit clear and goes up by a random step (RFC 9562 section 6.2,
 * method 2). Steps are 1 to 2^32, so ids cannot be guessed from their neighbours, and the room above the start (2^73) outlasts any millisecond.
 * Randomness comes from the kernel at each call: nothing is kept that a forked child could repeat.
 */
#include "base/id.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/err.h"

#define LOW62 ((UINT64_C(1) << 62) - 1)
#define MS_MAX ((UINT64_C(1) << 48) - 1)

static pthread_mutex_t last_lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t last_ms;
static uint64_t last_hi; /* 12 bits of the counter */
static uint64_t last_lo; /* 62 bits of the counter */

static void random_bytes(void *p, size_t n)
{
	unsigned char *to = p;

	while (n) {
		ssize_t got = getrandom(to, n, 0);
		if (got < 0 && errno == EINTR) continue;
		SP_BUG_ON(got <= 0);
		to += got;
		n -= (size_t)got;
	}
}

static void put_be(unsigned char *p, uint64_t v, int bytes)
{
	for (int i = bytes - 1; i >= 0; i--, v >>= 8) p[i] = (unsigned char)v;
}

struct sp_id sp_id_new(void)
{
	struct sp_id id = {{0}};
	struct {
		uint64_t lo;
		uint32_t hi, step;
	} r;
	random_bytes(&r, sizeof(r));
	int64_t wall = sp_wall_ms();
	uint64_t now = wall < 0 ? 0 : (uint64_t)wall & MS_MAX;

	pthread_mutex_lock(&last_lock);
	bool fresh = now > last_ms;
	if (fresh) {
		last_ms = now;
	} else {
		last_lo += (uint64_t)r.step + 1;
		if (last_lo > LOW62) {
			last_lo &= LOW62;
			if (++last_hi > 0xfff) {
				last_ms++;
				fresh = true;
			}
		}
	}
	if (fresh) {
		last_hi = r.hi & 0x7ff;
		last_lo = r.lo & LOW62;
	}
	put_be(id.b, last_ms, 6);
	put_be(id.b + 6, UINT64_C(0x7000) | last_hi, 2);
	put_be(id.b + 8, UINT64_C(0x8000000000000000) | last_lo, 8);
	pthread_mutex_unlock(&last_lock);
	return id;
}

void sp_id_text(const struct sp_id *id, char out[SP_ID_TEXT])
{
	static const char hex[] = "0123456789abcdef";
	char *p = out;

	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10) *p++ = '-';
		*p++ = hex[id->b[i] >> 4];
		*p++ = hex[id->b[i] & 15];
	}
	*p = '\0';
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9') return c - '0';
	if (c >= 'a' && c <= 'f') return c - 'a' + 10;
	if (c >= 'A' && c <= 'F') return c - 'A' + 10;
	return -1;
}

bool sp_id_parse(const char *text, struct sp_id *out)
{
	struct sp_id id;
	const char *p = text;

	if (!p) return false;
	for (int i = 0; i < 16; i++) {
		if ((i == 4 || i == 6 || i == 8 || i == 10) && *p++ != '-') return false;
		int hi = nibble(p[0]);
		int lo = hi < 0 ? -1 : nibble(p[1]); /* p[0] may have been the end */
		if (lo < 0) return false;
		id.b[i] = (unsigned char)(hi << 4 | lo);
		p += 2;
	}
	if (*p) return false;
	*out = id;
	return true;
}

int64_t sp_id_ms(const struct sp_id *id)
{
	int64_t ms = 0;

	for (int i = 0; i < 6; i++) ms = ms << 8 | id->b[i];
	return ms;
}

struct sp_id sp_id_floor(int64_t wall_ms)
{
	struct sp_id id = {{0}};

	put_be(id.b, wall_ms < 0 ? 0 : wall_ms > (int64_t)MS_MAX ? MS_MAX : (uint64_t)wall_ms, 6);
	return id;
}

bool sp_id_equal(const struct sp_id *a, const struct sp_id *b) { return memcmp(a->b, b->b, sizeof(a->b)) == 0; }

uint64_t sp_id_hash(const struct sp_id *id)
{
	uint64_t hi, lo;

	memcpy(&hi, id->b, 8);
	memcpy(&lo, id->b + 8, 8);
	/* Finaliser of splitmix64: ids of one millisecond differ in few bits, tables mask the low ones. */
	uint64_t h = lo ^ (hi * UINT64_C(0x9e3779b97f4a7c15));
	h = (h ^ (h >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	h = (h ^ (h >> 27)) * UINT64_C(0x94d049bb133111eb);
	return h ^ (h >> 31);
}

void sp_random_text(char *out, int n)
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
	unsigned char r[64];
	size_t at = sizeof(r);

	for (int i = 0; i < n - 1;) {
		if (at == sizeof(r)) {
			random_bytes(r, sizeof(r));
			at = 0;
		}
		unsigned char v = r[at++];
		if (v < 252) out[i++] = digits[v % 36]; /* 252 = 7 * 36: every digit is as likely as any other */
	}
	if (n > 0) out[n - 1] = '\0';
}
