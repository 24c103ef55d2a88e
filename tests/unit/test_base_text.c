/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include "base/text.h"

/* ---- UTF-8 ---- */

static size_t encode(uint32_t cp, char out[4])
{
	if (cp < 0x80) {
		out[0] = (char)cp;
		return 1;
	}
	if (cp < 0x800) {
		out[0] = (char)(0xc0 | cp >> 6);
		out[1] = (char)(0x80 | (cp & 63));
		return 2;
	}
	if (cp < 0x10000) {
		out[0] = (char)(0xe0 | cp >> 12);
		out[1] = (char)(0x80 | (cp >> 6 & 63));
		out[2] = (char)(0x80 | (cp & 63));
		return 3;
	}
	out[0] = (char)(0xf0 | cp >> 18);
	out[1] = (char)(0x80 | (cp >> 12 & 63));
	out[2] = (char)(0x80 | (cp >> 6 & 63));
	out[3] = (char)(0x80 | (cp & 63));
	return 4;
}

static void every_code_point(void **state)
{
	for (uint32_t cp = 0; cp < 0x140000; cp++) {
		char s[4];
		size_t n = encode(cp, s);
		bool scalar = cp <= 0x10ffff && (cp < 0xd800 || cp > 0xdfff), ok;

		if (sp_utf8_valid(s, n) != scalar) fail_msg("U+%04x", cp);
		size_t len = sp_utf8_next(s, n, &ok);
		assert_int_equal(ok, scalar);
		assert_int_equal(len, scalar ? n : 1);
		/* Cut short it is ill-formed, and all that is there of it is one subpart. */
		for (size_t cut = 1; cut < n; cut++) {
			assert_false(sp_utf8_valid(s, cut));
			if (scalar) assert_int_equal(sp_utf8_next(s, cut, &ok), cut);
		}
	}
}

static void overlong_forms_are_ill_formed(void **state)
{
	static const char *const bad[] = {"\xc0\x80", "\xc0\xaf", "\xc1\xbf", "\xe0\x80\x80", "\xe0\x9f\xbf", "\xf0\x80\x80\x80",
	        "\xf0\x8f\xbf\xbf", "\xf8\x88\x80\x80\x80", "\xfe", "\xff", "\x80", "\xbf"};

	for (size_t i = 0; i < SP_COUNT(bad); i++) assert_false(sp_utf8_valid(bad[i], strlen(bad[i])));
	assert_true(sp_utf8_valid("", 0));
	assert_true(sp_utf8_valid(NULL, 0));
	assert_true(sp_utf8_valid("a\0b", 3));
}

static void a_fault_is_seen_at_every_offset(void **state)
{
	for (size_t n = 1; n < 40; n++) {
		for (size_t at = 0; at < n; at++) {
			sp_autofree char *s = malloc(n); /* exact, so that reading past the end is seen */
			memset(s, 'a', n);
			assert_true(sp_utf8_valid(s, n));
			s[at] = '\x80';
			assert_false(sp_utf8_valid(s, n));
		}
	}
}

static void assert_lossy(const char *in, size_t n, const char *want, bool want_lossy)
{
	struct sp_buf b;
	bool lossy = false;

	sp_buf_init(&b, 1000);
	assert_int_equal(sp_utf8_add_lossy(&b, in, n, &lossy), 0);
	assert_string_equal(b.data, want);
	assert_int_equal(b.len, strlen(want));
	assert_int_equal(lossy, want_lossy);
	assert_true(sp_utf8_valid(b.data, b.len));
	sp_buf_fini(&b);
}

#define R "\xef\xbf\xbd"

static void replaces_maximal_subparts(void **state)
{
	assert_lossy("", 0, "", false);
	assert_lossy("plain \xe2\x82\xac", 9, "plain \xe2\x82\xac", false);
	/* Tables 3-8 to 3-11 of the Unicode standard. */
	assert_lossy("\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41", 9, R R R R R R R R "A", true);
	assert_lossy("\xed\xa0\x80\xed\xbf\xbf\xed\xaf\x41", 9, R R R R R R R R "A", true);
	assert_lossy("\xf4\x91\x92\x93\xff\x41\x80\xbf\x42", 9, R R R R R "A" R R "B", true);
	assert_lossy("\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41", 9, R R R R "A", true);
	assert_lossy("\x61\xf1\x80\x80\xe1\x80\xc2\x62\x80\x63\x80\xbf\x64", 13, "a" R R R "b" R "c" R R "d", true);
	/* Cut at the end. */
	assert_lossy("x\xf0\x9f\x98", 4, "x" R, true);
	assert_lossy("x\xe2", 2, "x" R, true);
}

static void mends_in_place(void **state)
{
	char text[] = "plain \xe2\x82\xac \xed\xa0\x80 cut \xf0\x9f\x98";

	sp_utf8_mend(text);
	assert_string_equal(text, "plain \xe2\x82\xac ??? cut ?");
	sp_utf8_mend(text);
	assert_string_equal(text, "plain \xe2\x82\xac ??? cut ?");
	text[0] = '\0';
	sp_utf8_mend(text);
	assert_string_equal(text, "");
}

static void lossy_accumulates_and_is_bounded(void **state)
{
	struct sp_buf b;
	bool lossy = true;

	sp_buf_init(&b, 5);
	assert_int_equal(sp_utf8_add_lossy(&b, "ab", 2, &lossy), 0);
	assert_true(lossy); /* not cleared */
	assert_int_equal(sp_utf8_add_lossy(&b, "\xff", 1, NULL), 0);
	assert_string_equal(b.data, "ab" R);
	assert_int_equal(sp_utf8_add_lossy(&b, "\xff", 1, &lossy), -1);
	assert_true(b.failed);
	sp_buf_fini(&b);
}

/* ---- base64 ---- */

static void assert_base64(const char *plain, const char *text)
{
	struct sp_buf b;

	sp_buf_init(&b, 100);
	assert_int_equal(sp_base64_add(&b, plain, strlen(plain)), 0);
	assert_string_equal(b.data, text);
	sp_buf_fini(&b);
	sp_buf_init(&b, 100);
	assert_int_equal(sp_base64_decode(&b, text, strlen(text)), 0);
	assert_string_equal(b.data, plain);
	assert_int_equal(b.len, strlen(plain));
	sp_buf_fini(&b);
}

static void base64_of_the_rfc(void **state)
{
	assert_base64("", "");
	assert_base64("f", "Zg==");
	assert_base64("fo", "Zm8=");
	assert_base64("foo", "Zm9v");
	assert_base64("foob", "Zm9vYg==");
	assert_base64("fooba", "Zm9vYmE=");
	assert_base64("foobar", "Zm9vYmFy");
	assert_base64("\xfb\xff\xbf", "+/+/");
}

static void base64_there_and_back(void **state)
{
	unsigned char data[600];

	for (size_t i = 0; i < sizeof(data); i++) data[i] = (unsigned char)(i * 167 + (i >> 8));
	for (size_t n = 0; n <= sizeof(data); n++) {
		struct sp_buf text, back;
		sp_buf_init(&text, (n + 2) / 3 * 4 + 1);
		sp_buf_init(&back, n ? n : 1); /* exactly enough */
		assert_int_equal(sp_base64_add(&text, data, n), 0);
		assert_int_equal(text.len, (n + 2) / 3 * 4);
		assert_int_equal(sp_base64_decode(&back, text.data, text.len), 0);
		assert_int_equal(back.len, n);
		assert_memory_equal(back.data, data, n);
		sp_buf_fini(&text);
		sp_buf_fini(&back);
	}
}

static void base64_is_strict(void **state)
{
	static const char *const bad[] = {"Z", "Zg", "Zg=", "Zm9", "Zg==Zg==", "Zg=a", "=",
	        "==", "===", "====", "Z===", "Zm9v=", "Zm9v====", " Zm9v", "Zm9v\n", "Zm 9", "Zm9-", "Zm_v", "Zm9v\n\n\n\n", "=m9v", "Zm=v",
	        "Zm9\x80", "Zh==", "Zm9=", "Zm+=" /* trailing bits */, "Zg==\n   "};

	for (size_t i = 0; i < SP_COUNT(bad); i++) {
		struct sp_buf b;
		sp_buf_init(&b, 100);
		assert_int_equal(sp_buf_adds(&b, "kept"), 0);
		if (sp_base64_decode(&b, bad[i], strlen(bad[i])) != -1) fail_msg("\"%s\" was taken", bad[i]);
		assert_string_equal(b.data, "kept");
		assert_int_equal(b.len, 4);
		assert_false(b.failed);
		sp_buf_fini(&b);
	}
	struct sp_buf b;
	sp_buf_init(&b, 100);
	assert_int_equal(sp_base64_decode(&b, "Zm\0v", 4), -1);
	sp_buf_fini(&b);
}

static void base64_is_bounded(void **state)
{
	struct sp_buf b;

	sp_buf_init(&b, 5);
	assert_int_equal(sp_base64_decode(&b, "Zm9vYmFy", 8), -1);
	assert_true(b.failed);
	sp_buf_fini(&b);
	sp_buf_init(&b, 7);
	assert_int_equal(sp_base64_add(&b, "fooba", 5), -1);
	assert_true(b.failed);
	sp_buf_fini(&b);
}

/* ---- sizes and durations ---- */

static void durations(void **state)
{
	static const struct {
		const char *s;
		int64_t ms;
	} good[] = {{"15s", 15000}, {"250ms", 250}, {"2m", 120000}, {"1h", 3600000}, {"30d", INT64_C(30) * 86400000}, {"0s", 0},
	        {"007ms", 7}, {"9223372036854775807ms", INT64_MAX}, {"9223372036854775s", INT64_C(9223372036854775000)}};
	static const char *const bad[] = {"", "s", "15", "0", "15 s", " 15s", "15s ", "15S", "-1s", "+1s", "1.5s", "1e3s", "15sec", "1h30m",
	        "1w", "1D", "0x10s", "9223372036854775808ms", "9223372036854776s", "99999999999999999999999h", "ms15"};
	int64_t v = 0;

	for (size_t i = 0; i < SP_COUNT(good); i++) {
		if (!sp_parse_duration_ms(good[i].s, &v)) fail_msg("%s was refused", good[i].s);
		assert_true(v == good[i].ms);
	}
	v = -7;
	for (size_t i = 0; i < SP_COUNT(bad); i++)
		if (sp_parse_duration_ms(bad[i], &v)) fail_msg("%s was taken", bad[i]);
	assert_true(v == -7);
}

static void byte_sizes(void **state)
{
	static const struct {
		const char *s;
		int64_t n;
	} good[] = {{"256MiB", INT64_C(268435456)}, {"64KiB", 65536}, {"1GiB", INT64_C(1073741824)}, {"100B", 100}, {"100", 100}, {"0", 0},
	        {"9223372036854775807", INT64_MAX}, {"8589934591GiB", INT64_C(8589934591) << 30}};
	static const char *const bad[] = {"", "B", "MiB", "256MB", "256M", "256mib", "256 MiB", "-1", "1.5GiB", "1KiBx",
	        "9223372036854775808", "8589934592GiB", "0b1"};
	int64_t v = 0;

	for (size_t i = 0; i < SP_COUNT(good); i++) {
		if (!sp_parse_bytes(good[i].s, &v)) fail_msg("%s was refused", good[i].s);
		assert_true(v == good[i].n);
	}
	v = -7;
	for (size_t i = 0; i < SP_COUNT(bad); i++)
		if (sp_parse_bytes(bad[i], &v)) fail_msg("%s was taken", bad[i]);
	assert_true(v == -7);
}

/* ---- nearest names ---- */

static const char *nearest1(const char *word, const char *candidate)
{
	const char *const list[] = {candidate};
	return sp_nearest(word, list, 1);
}

static void nearest_names(void **state)
{
	static const char *const langs[] = {"python", "ruby", "node", "bash", "c", "cpp", "rust", "go", "java"};
	size_t n = SP_COUNT(langs);

	assert_string_equal(sp_nearest("pyhton", langs, n), "python");
	assert_string_equal(sp_nearest("pythn", langs, n), "python");
	assert_string_equal(sp_nearest("pythonn", langs, n), "python");
	assert_string_equal(sp_nearest("rubby", langs, n), "ruby");
	assert_string_equal(sp_nearest("ruby", langs, n), "ruby");
	assert_string_equal(sp_nearest("noed", langs, n), "node");
	assert_string_equal(sp_nearest("og", langs, n), "go");
	assert_null(sp_nearest("haskell", langs, n));
	assert_null(sp_nearest("xyz", langs, n));
	assert_null(sp_nearest("ruby", langs, 0));
	assert_null(sp_nearest("ruby", NULL, 0));
}

static void the_distance_is_bounded_by_the_length(void **state)
{
	assert_non_null(nearest1("ab", "abc"));
	assert_null(nearest1("ab", "abcd"));
	assert_non_null(nearest1("abc", "abd"));
	assert_null(nearest1("abc", "ade"));
	assert_non_null(nearest1("abcd", "abef"));
	assert_non_null(nearest1("abcd", "ab"));
	assert_non_null(nearest1("abcd", "abcdef"));
	assert_null(nearest1("abcd", "aefg"));
	assert_null(nearest1("abcd", "abcdefg"));
	assert_null(nearest1("", "ab"));
}

static void a_swap_is_one_edit(void **state)
{
	assert_non_null(nearest1("ba", "ab"));
	assert_non_null(nearest1("abdcfe", "abcdef")); /* two swaps */
	assert_null(nearest1("badcfe", "abcdef")); /* three */
	assert_non_null(nearest1("acb1", "ab1")); /* insert */
	assert_non_null(nearest1("wxca", "wxabc")); /* swap and an insert between: 2 */
}

static void the_nearer_wins_and_of_equals_the_first(void **state)
{
	static const char *const list[] = {NULL, "timeout_xx", "time_out", "timeouts", "timeoutt", "timeout"};

	assert_string_equal(sp_nearest("timeout", list, 6), "timeout");
	assert_string_equal(sp_nearest("timeout", list, 5), "time_out");
	assert_string_equal(sp_nearest("timeouty", list, 6), "timeouts");
}

static void long_words_are_near_to_nothing(void **state)
{
	char a[70], b[70];

	memset(a, 'a', sizeof(a));
	memset(b, 'a', sizeof(b));
	a[64] = b[63] = '\0';
	assert_ptr_equal(nearest1(a, b), b);
	assert_ptr_equal(nearest1(b, a), a);
	b[63] = 'a';
	b[65] = '\0';
	assert_null(nearest1(a, b));
	assert_null(nearest1(b, a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(every_code_point),
	        cmocka_unit_test(overlong_forms_are_ill_formed),
	        cmocka_unit_test(a_fault_is_seen_at_every_offset),
	        cmocka_unit_test(replaces_maximal_subparts),
	        cmocka_unit_test(mends_in_place),
	        cmocka_unit_test(lossy_accumulates_and_is_bounded),
	        cmocka_unit_test(base64_of_the_rfc),
	        cmocka_unit_test(base64_there_and_back),
	        cmocka_unit_test(base64_is_strict),
	        cmocka_unit_test(base64_is_bounded),
	        cmocka_unit_test(durations),
	        cmocka_unit_test(byte_sizes),
	        cmocka_unit_test(nearest_names),
	        cmocka_unit_test(the_distance_is_bounded_by_the_length),
	        cmocka_unit_test(a_swap_is_one_edit),
	        cmocka_unit_test(the_nearer_wins_and_of_equals_the_first),
	        cmocka_unit_test(long_words_are_near_to_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
