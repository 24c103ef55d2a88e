/* SPDX-License-Identifier: MIT */
#include "base/text.h"

#include <string.h>

/* ---- UTF-8 ---- */

/* Table 3-7 of the Unicode standard: only the second byte's range depends on the first. */
size_t sp_utf8_next(const void *p, size_t n, bool *ok)
{
	const unsigned char *s = p;
	unsigned char lo = 0x80, hi = 0xbf;
	size_t len;

	*ok = true;
	if (s[0] < 0x80) return 1;
	*ok = false;
	if (s[0] < 0xc2 || s[0] > 0xf4) return 1;
	if (s[0] < 0xe0) {
		len = 2;
	} else if (s[0] < 0xf0) {
		len = 3;
		if (s[0] == 0xe0) lo = 0xa0; /* no overlong forms */
		if (s[0] == 0xed) hi = 0x9f; /* no surrogates */
	} else {
		len = 4;
		if (s[0] == 0xf0) lo = 0x90;
		if (s[0] == 0xf4) hi = 0x8f; /* nothing above U+10FFFF */
	}
	for (size_t i = 1; i < len; i++) {
		if (i >= n || s[i] < lo || s[i] > hi) return i;
		lo = 0x80;
		hi = 0xbf;
	}
	*ok = true;
	return len;
}

/* Length of the valid text that p begins with. */
static size_t valid_run(const char *p, size_t n)
{
	size_t at = 0;

	while (at < n) {
		/* Output is mostly ASCII: eight bytes at once. */
		uint64_t w;
		if (n - at >= sizeof(w)) {
			memcpy(&w, p + at, sizeof(w));
			if (!(w & UINT64_C(0x8080808080808080))) {
				at += sizeof(w);
				continue;
			}
		}
		bool ok;
		size_t len = sp_utf8_next(p + at, n - at, &ok);
		if (!ok) break;
		at += len;
	}
	return at;
}

bool sp_utf8_valid(const void *p, size_t n) { return valid_run(p, n) == n; }

int sp_utf8_add_lossy(struct sp_buf *out, const void *p, size_t n, bool *lossy)
{
	const char *s = p;

	for (;;) {
		size_t run = valid_run(s, n);
		if (sp_buf_add(out, s, run)) return -1;
		s += run;
		n -= run;
		if (n == 0) return 0;

		bool ok;
		size_t bad = sp_utf8_next(s, n, &ok);
		if (sp_buf_add(out, "\xef\xbf\xbd", 3)) return -1;
		if (lossy) *lossy = true;
		s += bad;
		n -= bad;
	}
}

/* One '?' never needs more room than what it stands for. */
void sp_utf8_mend(char *s)
{
	size_t n = strlen(s), to = 0;

	for (size_t at = 0; at < n;) {
		bool ok;
		size_t len = sp_utf8_next(s + at, n - at, &ok);

		if (ok) {
			memmove(s + to, s + at, len);
			to += len;
		} else {
			s[to++] = '?';
		}
		at += len;
	}
	s[to] = '\0';
}

/* ---- base64 ---- */

int sp_base64_add(struct sp_buf *out, const void *p, size_t n)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *s = p;
	/* Too long to be counted is too long for any buffer: let the buffer say so. */
	size_t groups = n / 3 + (n % 3 != 0), len = groups > SIZE_MAX / 4 ? SIZE_MAX : groups * 4;
	char *to = sp_buf_reserve(out, len);

	if (!to) return -1;
	for (; n >= 3; n -= 3, s += 3) {
		uint32_t v = (uint32_t)s[0] << 16 | (uint32_t)s[1] << 8 | s[2];
		*to++ = digits[v >> 18];
		*to++ = digits[v >> 12 & 63];
		*to++ = digits[v >> 6 & 63];
		*to++ = digits[v & 63];
	}
	if (n) {
		uint32_t v = (uint32_t)s[0] << 16 | (n == 2 ? (uint32_t)s[1] << 8 : 0);
		*to++ = digits[v >> 18];
		*to++ = digits[v >> 12 & 63];
		*to++ = n == 2 ? digits[v >> 6 & 63] : '=';
		*to++ = '=';
	}
	sp_buf_commit(out, len);
	return 0;
}

static int base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z') return c - 'A';
	if (c >= 'a' && c <= 'z') return c - 'a' + 26;
	if (c >= '0' && c <= '9') return c - '0' + 52;
	if (c == '+') return 62;
	if (c == '/') return 63;
	return -1;
}

int sp_base64_decode(struct sp_buf *out, const char *s, size_t n)
{
	if (n % 4) return -1;
	size_t pad = n && s[n - 1] == '=' ? 1u + (s[n - 2] == '=') : 0;
	size_t digits = n - pad, len = n / 4 * 3 - pad;
	char *to = sp_buf_reserve(out, len);
	uint32_t v = 0;

	if (!to) return -1;
	for (size_t i = 0; i < digits; i++) {
		int d = base64_digit(s[i]);
		if (d < 0) goto bad;
		v = v << 6 | (uint32_t)d;
		if (i % 4 == 3) {
			*to++ = (char)(v >> 16);
			*to++ = (char)(v >> 8);
			*to++ = (char)v;
			v = 0;
		}
	}
	/* Bits that no byte takes must be zero, or two texts would stand for the same bytes. */
	if (pad == 1) {
		if (v & 3) goto bad;
		*to++ = (char)(v >> 10);
		*to++ = (char)(v >> 2);
	} else if (pad == 2) {
		if (v & 15) goto bad;
		*to++ = (char)(v >> 4);
	}
	sp_buf_commit(out, len);
	return 0;
bad:
	sp_buf_commit(out, 0); /* puts the NUL back behind what was there before */
	return -1;
}

/* ---- sizes and durations ---- */

struct unit {
	const char *name;
	int64_t factor;
};

static bool parse_with_unit(const char *s, const struct unit *units, size_t n, int64_t *out)
{
	int64_t v = 0;

	if (*s < '0' || *s > '9') return false;
	for (; *s >= '0' && *s <= '9'; s++)
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, *s - '0', &v)) return false;
	for (size_t i = 0; i < n; i++) {
		if (strcmp(s, units[i].name) != 0) continue;
		if (__builtin_mul_overflow(v, units[i].factor, &v)) return false;
		*out = v;
		return true;
	}
	return false;
}

bool sp_parse_duration_ms(const char *s, int64_t *out)
{
	static const struct unit units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
	return parse_with_unit(s, units, SP_COUNT(units), out);
}

bool sp_parse_bytes(const char *s, int64_t *out)
{
	static const struct unit units[] = {
	        {"", 1}, {"B", 1}, {"KiB", INT64_C(1) << 10}, {"MiB", INT64_C(1) << 20}, {"GiB", INT64_C(1) << 30}};
	return parse_with_unit(s, units, SP_COUNT(units), out);
}

/* ---- nearest names ---- */

#define NEAREST_LEN_MAX 64

static unsigned min2(unsigned a, unsigned b) { return a < b ? a : b; }

/* Damerau-Levenshtein distance (insert, delete, replace, swap of neighbours, also with edits between them) of two texts of at
 * most NEAREST_LEN_MAX bytes. Row and column 0 of `d` are a border that no path can win through. */
static unsigned distance(const char *a, size_t na, const char *b, size_t nb)
{
	unsigned char d[NEAREST_LEN_MAX + 2][NEAREST_LEN_MAX + 2];
	unsigned char row_of[256] = {0}; /* last row in which a byte stood in a */
	unsigned char far = (unsigned char)(na + nb);

	d[0][0] = far;
	for (size_t i = 0; i <= na; i++) {
		d[i + 1][0] = far;
		d[i + 1][1] = (unsigned char)i;
	}
	for (size_t j = 0; j <= nb; j++) {
		d[0][j + 1] = far;
		d[1][j + 1] = (unsigned char)j;
	}
	for (size_t i = 1; i <= na; i++) {
		size_t col = 0; /* last column of this row where the bytes agreed */
		for (size_t j = 1; j <= nb; j++) {
			size_t i1 = row_of[(unsigned char)b[j - 1]], j1 = col;
			bool same = a[i - 1] == b[j - 1];
			if (same) col = j;
			unsigned best = min2(d[i][j] + !same, min2(d[i + 1][j], d[i][j + 1]) + 1u);
			unsigned swap = d[i1][j1] + (unsigned)(i - i1 - 1) + 1u + (unsigned)(j - j1 - 1);
			d[i + 1][j + 1] = (unsigned char)min2(best, swap);
		}
		row_of[(unsigned char)a[i - 1]] = (unsigned char)i;
	}
	return d[na + 1][nb + 1];
}

const char *sp_nearest(const char *word, const char *const *candidates, size_t n)
{
	const char *best = NULL;
	size_t len = strnlen(word, NEAREST_LEN_MAX + 1);
	unsigned most = len < 4 ? 1 : 2;

	if (len > NEAREST_LEN_MAX) return NULL;
	for (size_t i = 0; i < n; i++) {
		if (!candidates[i]) continue;
		size_t clen = strnlen(candidates[i], NEAREST_LEN_MAX + 1);
		if (clen > NEAREST_LEN_MAX || (clen > len ? clen - len : len - clen) > most) continue;
		unsigned d = distance(word, len, candidates[i], clen);
		if (d > most) continue;
		best = candidates[i];
		if (d == 0) break;
		most = d - 1; /* only a nearer one counts from now on: of equals the first wins */
	}
	return best;
}
