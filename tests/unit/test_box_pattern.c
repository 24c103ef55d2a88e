/* SPDX-License-Identifier: MIT */
/* box/path.h and box/pattern.h. */
#include "unit.h"

#include "box/path.h"
#include "box/pattern.h"

static bool matches(const char *pattern, const char *path)
{
	struct sp_pattern p;
	const char *fault = sp_pattern_parse(&p, pattern);
	if (fault) fail_msg("\"%s\" %s", pattern, fault);
	return sp_pattern_matches(&p, path);
}

static void what_matches(void **state)
{
	static const struct {
		const char *pattern, *yes[6], *no[6];
	} list[] = {
	        {"a", {"a"}, {"b", "aa", "a/a", "b/a"}},
	        {"a/b", {"a/b"}, {"a", "b", "a/b/c", "x/a/b"}},
	        {"*", {"a", ".hidden", "a b", "*"}, {"a/b"}},
	        {"*.c", {"x.c", ".c", "..c"}, {"x.cc", "x.c/y.c", "xc"}},
	        {"a*b*c", {"abc", "aXbYc", "abbbc", "abcbc"}, {"ab", "acb", "abcd"}},
	        {"*a*a*", {"aa", "xaxax", "aaa"}, {"a", "xax"}},
	        {"?", {"a", "\xc3\xa9", "\xf0\x9f\x98\x80", "\x80", "\xff"}, {"ab", "\xc3\xa9\xc3\xa9", "\xff\xff"}},
	        {"?b",
	                {"ab", "\xc3\xa9"
	                       "b"},
	                {"b", "aab"}},
	        {"*?b",
	                {"ab", "aab",
	                        "\xc3\xa9"
	                        "b"},
	                {"b"}},
	        {"a?*", {"ab", "abc"}, {"a"}},
	        {"**", {"a", "a/b", "a/b/c/d/e/f", ".x/.y"}, {NULL}},
	        {"**/a", {"a", "b/a", "b/c/a", "a/a"}, {"b", "a/b", "ab"}},
	        {"a/**", {"a/b", "a/b/c"}, {"a", "b/a/b"}},
	        {"a/**/b", {"a/b", "a/x/b", "a/x/y/b", "a/b/b"}, {"a", "b", "ab", "a/b/c"}},
	        {"**/a/**", {"a/b", "x/a/b", "x/a/y/b", "a/a"}, {"a", "x/a"}},
	        {"**/**", {"a", "a/b"}, {NULL}},
	        {"**/*.o", {"x.o", "a/x.o"}, {"x.c", "x.o/y"}},
	        {"*/*", {"a/b"}, {"a", "a/b/c"}},
	        {"a\\*", {"a*"}, {"ab", "a\\*", "a"}},
	        {"\\?\\\\\\*", {"?\\*"}, {"x\\y"}},
	        {"\\*\\*", {"**"}, {"a"}},
	        {"\\a", {"a"}, {"\\a"}},
	        {"[a-z]", {"[a-z]"}, {"a"}},
	        {"{a,b}", {"{a,b}"}, {"a"}},
	        {"...", {"..."}, {"..", "a"}},
	        {".x", {".x"}, {"x"}},
	        {"a\nb", {"a\nb"}, {"a"}},
	};
	for (size_t i = 0; i < SP_COUNT(list); i++) {
		for (size_t k = 0; k < 6 && list[i].yes[k]; k++)
			if (!matches(list[i].pattern, list[i].yes[k]))
				fail_msg("\"%s\" does not match \"%s\"", list[i].pattern, list[i].yes[k]);
		for (size_t k = 0; k < 6 && list[i].no[k]; k++)
			if (matches(list[i].pattern, list[i].no[k])) fail_msg("\"%s\" matches \"%s\"", list[i].pattern, list[i].no[k]);
	}
}

/* The same, said a second time and as simply as can be: every element tries everything. */
static bool slow_part(const char *p, const char *pe, const char *s, const char *se)
{
	if (p == pe) return s == se;
	if (*p == '*') {
		for (const char *t = s; t <= se; t++)
			if (slow_part(p + 1, pe, t, se)) return true;
		return false;
	}
	if (s == se) return false;
	if (*p == '?') {
		const char *t = s + 1;
		while (t < se && t - s < 4 && ((unsigned char)*t & 0xc0) == 0x80) t++;
		return slow_part(p + 1, pe, t, se);
	}
	if (*p == '\\') p++;
	return *p == *s && slow_part(p + 1, pe, s + 1, se);
}

static bool slow(const char *p, const char *s)
{
	const char *pe = strchrnul(p, '/'), *se = strchrnul(s, '/');
	if (pe - p == 2 && p[0] == '*' && p[1] == '*') {
		if (!*pe) return true; /* all that is below, and s is at something */
		if (slow(pe + 1, s)) return true;
		return *se && slow(p, se + 1);
	}
	if (!slow_part(p, pe, s, se)) return false;
	if (!*pe || !*se) return !*pe && !*se;
	return slow(pe + 1, se + 1);
}

static uint64_t seed = 0x9e3779b97f4a7c15u;
static unsigned draw(unsigned below)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % below;
}

static void every_short_pattern_means_what_it_says(void **state)
{
	static const char *const elements[] = {"a", "b", "*", "?", "/", "**", "\\*", "\xc3\xa9", "/**/", "*/"};
	static const char *const bytes[] = {"a", "b", "*", "/", "\xc3\xa9", "\xa9", "aa"};
	unsigned tried = 0, yes = 0;

	for (int i = 0; i < 400000; i++) {
		char pattern[64] = "", path[64] = "";
		struct sp_pattern p;
		for (unsigned n = 1 + draw(6); n; n--) strcat(pattern, elements[draw(SP_COUNT(elements))]);
		for (unsigned n = 1 + draw(7); n; n--) strcat(path, bytes[draw(SP_COUNT(bytes))]);
		if (sp_pattern_parse(&p, pattern) || sp_box_path_fault(path, strlen(path))) continue;
		tried++;
		bool want = slow(pattern, path);
		yes += want;
		if (sp_pattern_matches(&p, path) != want) fail_msg("\"%s\" %s \"%s\"", pattern, want ? "does not match" : "matches", path);
	}
	assert_true(tried > 50000 && yes > 2000);
}

/* A directory is left out only if nothing below it can match. */
static void what_is_not_open_holds_nothing(void **state)
{
	static const char *const patterns[] = {"a/b", "a/**", "**/b", "*/b/c", "a/**/c", "**", "b"};
	static const char *const files[] = {"a/b", "a/c", "b/b", "a/b/c", "b/b/c", "a/b/b/c", "b", "c/b/b/b"};
	unsigned closed = 0;

	for (size_t i = 0; i < SP_COUNT(patterns); i++) {
		struct sp_pattern p;
		assert_null(sp_pattern_parse(&p, patterns[i]));
		for (size_t k = 0; k < SP_COUNT(files); k++) {
			uint64_t state_ = sp_pattern_start(&p);
			bool open = true;
			for (const char *s = files[k]; *s;) {
				size_t n = strcspn(s, "/");
				if (!sp_pattern_open(&p, state_)) open = false;
				state_ = sp_pattern_enter(&p, state_, s, n);
				s += n + (s[n] == '/');
			}
			closed += !open;
			if (!open) assert_false(sp_pattern_matches(&p, files[k]));
		}
	}
	assert_true(closed > 10);
}

static void patterns_that_are_refused(void **state)
{
	static char longest[1026], deepest[66];
	struct sp_pattern p;
	static const struct {
		const char *pattern, *fault;
	} list[] = {
	        {"", "is empty"},
	        {"/", "is absolute: it must be relative to /box"},
	        {"a//b", "has an empty part"},
	        {"a/", "has an empty part"},
	        {".", "has a part \".\" or \"..\""},
	        {"a/..", "has a part \".\" or \"..\""},
	        {"***", "has \"**\" in a part with something else"},
	        {"a/b**/c", "has \"**\" in a part with something else"},
	        {"\\", "has a \"\\\" with no character after it"},
	        {"a\\\\\\", "has a \"\\\" with no character after it"},
	};
	for (size_t i = 0; i < SP_COUNT(list); i++) {
		const char *fault = sp_pattern_parse(&p, list[i].pattern);
		assert_non_null(fault);
		assert_string_equal(fault, list[i].fault);
	}
	memset(longest, 'x', 1025);
	assert_string_equal(sp_pattern_parse(&p, longest), "is longer than 1024 bytes");
	longest[1024] = 0;
	assert_null(sp_pattern_parse(&p, longest));
	for (int i = 0; i < 66; i += 2) memcpy(deepest + i, "*/", 2);
	deepest[65] = 0;
	assert_string_equal(sp_pattern_parse(&p, deepest), "has more than 32 parts");
	deepest[63] = 0;
	assert_null(sp_pattern_parse(&p, deepest));
	assert_int_equal(p.n, 32);
	assert_true(sp_pattern_matches(&p, "a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a"));
	assert_false(sp_pattern_matches(&p, "a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a"));
}

/* A pattern that is hopeless takes time by its length and the name's, not by their powers. */
static void stars_are_cheap(void **state)
{
	char pattern[1025] = "", name[256];
	memset(name, 'a', 255);
	name[255] = 0;
	for (int i = 0; i < 511; i++) strcat(pattern, "*a");
	strcat(pattern, "b");
	for (int i = 0; i < 1000; i++) assert_false(matches(pattern, name));
}

static void requests(void **state)
{
	static const char good[] = "SPC1\2\0\0\0a/*\0**";
	static struct sp_patterns s;
	unsigned which;

	assert_null(sp_patterns_parse(&s, good, sizeof good, &which));
	assert_int_equal(s.n, 2);
	assert_string_equal(s.one[1].text, "**");
	/* cut anywhere, it is refused, and nothing past its end is read */
	for (size_t n = 0; n < sizeof good; n++) {
		char *copy = malloc(n ? n : 1);
		assert_non_null(copy);
		memcpy(copy, good, n);
		assert_non_null(sp_patterns_parse(&s, copy, n, &which));
		assert_int_equal(s.n, 0);
		free(copy);
	}
	assert_string_equal(sp_patterns_parse(&s, "SPC1\2\0\0\0a\0/b", 13, &which), "is absolute: it must be relative to /box");
	assert_int_equal(which, 2);
	assert_string_equal(sp_patterns_parse(&s, "SPC2\1\0\0\0a", 10, &which), "the request has no header");
	assert_int_equal(which, 0);
	assert_string_equal(sp_patterns_parse(&s, "SPC1\0\0\0\1a", 10, &which), "the request has no patterns, or more than 64");
}

static void paths(void **state)
{
	static const char *const order[] = {"a", "a/a", "a/b", "a/b/c", "a\n", "a-b", "a0", "ab", "b", "\xff"};

	for (size_t i = 0; i < SP_COUNT(order); i++)
		for (size_t k = 0; k < SP_COUNT(order); k++) {
			int r = sp_box_path_order(order[i], order[k]);
			assert_true(i < k ? r < 0 : i > k ? r > 0 : r == 0);
		}
	assert_true(sp_box_path_below("a", "a/b"));
	assert_false(sp_box_path_below("a", "a"));
	assert_false(sp_box_path_below("a", "ab"));
	assert_false(sp_box_path_below("a/b", "a"));
	assert_null(sp_box_path_fault("a/b", 3));
	assert_string_equal(sp_box_path_fault("a\0b", 3), "has a NUL byte");
	assert_string_equal(sp_box_path_fault("../a", 4), "has a \".\" or \"..\" component");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_matches),
	        cmocka_unit_test(every_short_pattern_means_what_it_says),
	        cmocka_unit_test(what_is_not_open_holds_nothing),
	        cmocka_unit_test(patterns_that_are_refused),
	        cmocka_unit_test(stars_are_cheap),
	        cmocka_unit_test(requests),
	        cmocka_unit_test(paths),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
