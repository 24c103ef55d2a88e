/* SPDX-License-Identifier: MIT */
/*
 * src/base/text.c and id.c. The input is the text, for each of the functions. Every answer is compared with one that is found another way.
 */
#include "fuzz.h"

#include <ctype.h>

#include "base/id.h"
#include "base/text.h"

/* A character by its value, not by tables: overlong forms, surrogates and values past the last are none. 0: none begins here. */
static size_t one_character(const uint8_t *p, size_t n)
{
	static const struct {
		uint8_t mask, lead;
		uint32_t least;
	} forms[] = {{0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};

	for (size_t len = 1; len <= 4 && len <= n; len++) {
		if ((p[0] & forms[len - 1].mask) != forms[len - 1].lead) continue;
		uint32_t v = p[0] & (uint32_t)(uint8_t)~forms[len - 1].mask;
		for (size_t i = 1; i < len; i++) {
			if ((p[i] & 0xc0) != 0x80) return 0;
			v = v << 6 | (p[i] & 0x3f);
		}
		return v < forms[len - 1].least || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff) ? 0 : len;
	}
	return 0;
}

static void utf8(const char *p, size_t n)
{
	const uint8_t *s = (const uint8_t *)p;
	bool valid = true, lossy = false, ok;
	struct sp_buf out;

	for (size_t at = 0; at < n;) {
		size_t len = one_character(s + at, n - at), step = sp_utf8_next(p + at, n - at, &ok);
		FZ_CHECK(ok == (len > 0));
		FZ_CHECK(step >= 1 && step <= 4 && step <= n - at && (!ok || step == len));
		valid &= ok;
		at += step;
	}
	FZ_CHECK(sp_utf8_valid(p, n) == valid);

	sp_buf_init(&out, 3 * n + 1);
	FZ_CHECK(sp_utf8_add_lossy(&out, p, n, &lossy) == 0);
	FZ_CHECK(lossy == !valid);
	FZ_CHECK(sp_utf8_valid(out.data, out.len));
	if (valid && n) FZ_CHECK(out.len == n && memcmp(out.data, p, n) == 0);
	sp_buf_fini(&out);
	sp_autofree char *mended = fz_text(p, n);
	size_t before = strlen(mended);
	sp_utf8_mend(mended);
	FZ_CHECK(sp_utf8_valid(mended, strlen(mended)) && strlen(mended) <= before);
	if (sp_utf8_valid(p, before)) FZ_CHECK(strlen(mended) == before && memcmp(mended, p, before) == 0);
	/* A buffer without room is an error, not more than it may hold. */
	sp_buf_init(&out, n ? n : 1);
	if (sp_utf8_add_lossy(&out, p, n, NULL) != 0) FZ_CHECK(!valid && out.failed);
	FZ_CHECK(out.len <= (n ? n : 1));
	sp_buf_fini(&out);
}

static void base64(const char *p, size_t n)
{
	struct sp_buf text, bytes;

	sp_buf_init(&text, 4 * n + 4);
	sp_buf_init(&bytes, n + 1);
	FZ_CHECK(sp_base64_add(&text, p, n) == 0);
	FZ_CHECK(text.len == (n + 2) / 3 * 4);
	FZ_CHECK(sp_base64_decode(&bytes, text.data, text.len) == 0);
	FZ_CHECK(bytes.len == n && (n == 0 || memcmp(bytes.data, p, n) == 0));
	sp_buf_fini(&text);
	sp_buf_fini(&bytes);

	/* The input as base64: bytes have one text only. */
	sp_buf_init(&text, n + 4);
	sp_buf_init(&bytes, n + 1);
	if (sp_base64_decode(&bytes, p, n) == 0) {
		FZ_CHECK(sp_base64_add(&text, bytes.data, bytes.len) == 0);
		FZ_CHECK(text.len == n && (n == 0 || memcmp(text.data, p, n) == 0));
	} else {
		FZ_CHECK(bytes.len == 0);
	}
	sp_buf_fini(&text);
	sp_buf_fini(&bytes);
}

struct unit {
	const char *name;
	uint64_t factor;
};

/* Digits and a unit, counted with more bits than the result has. */
static bool measure(const char *s, const struct unit *units, size_t n, int64_t *out)
{
	unsigned __int128 v = 0;

	if (!isdigit((unsigned char)*s)) return false;
	for (; *s >= '0' && *s <= '9'; s++) {
		v = v * 10 + (unsigned)(*s - '0');
		if (v > INT64_MAX) return false;
	}
	for (size_t i = 0; i < n; i++) {
		if (strcmp(s, units[i].name) != 0) continue;
		v *= units[i].factor;
		if (v > INT64_MAX) return false;
		*out = (int64_t)v;
		return true;
	}
	return false;
}

static void quantities(const char *s)
{
	static const struct unit sizes[] = {{"", 1}, {"B", 1}, {"KiB", 1024}, {"MiB", 1048576}, {"GiB", 1073741824}};
	static const struct unit times[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
	int64_t got = -1, want = -1;

	FZ_CHECK(sp_parse_bytes(s, &got) == measure(s, sizes, SP_COUNT(sizes), &want));
	FZ_CHECK(got == want);
	got = want = -1;
	FZ_CHECK(sp_parse_duration_ms(s, &got) == measure(s, times, SP_COUNT(times), &want));
	FZ_CHECK(got == want);
}

static void id(const char *s)
{
	struct sp_id a, b;
	char text[SP_ID_TEXT];

	if (!sp_id_parse(s, &a)) return;
	FZ_CHECK(strlen(s) == SP_ID_TEXT - 1);
	sp_id_text(&a, text);
	for (int i = 0; i < SP_ID_TEXT; i++) FZ_CHECK(text[i] == (char)tolower((unsigned char)s[i]));
	FZ_CHECK(sp_id_parse(text, &b) && sp_id_equal(&a, &b) && sp_id_hash(&a) == sp_id_hash(&b));
}

/* Is b reached from a by at most `most` inserts, deletes, replacements and swaps of neighbours? By trying them. */
static bool near(const char *a, const char *b, int most)
{
	while (*a && *a == *b) a++, b++;
	if (!*a && !*b) return true;
	if (most == 0) return false;
	if (*a && near(a + 1, b, most - 1)) return true;
	if (*b && near(a, b + 1, most - 1)) return true;
	if (*a && *b && near(a + 1, b + 1, most - 1)) return true;
	return *a && a[1] && *b && a[0] == b[1] && a[1] == b[0] && near(a + 2, b + 2, most - 1);
}

static void nearest(const char *s)
{
	static const char *const words[] = {"stdin", NULL, "stdin_encoding", "id", "a", "wall_ms", "http.listen", ""};
	const char *found = sp_nearest(s, words, SP_COUNT(words));
	int most = strlen(s) < 4 ? 1 : 2;

	if (found) {
		/* A swap with an edit in between counts as two edits there, and as three here. */
		FZ_CHECK(near(s, found, most + 1));
		return;
	}
	for (size_t i = 0; i < SP_COUNT(words); i++) FZ_CHECK(strlen(s) > 64 || !words[i] || !near(s, words[i], most));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	sp_autofree char *bytes = fz_exact(data, size);
	sp_autofree char *text = fz_text(data, size);

	utf8(bytes, size);
	base64(bytes, size);
	quantities(text);
	id(text);
	nearest(text);
	return 0;
}
