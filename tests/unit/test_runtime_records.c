/* SPDX-License-Identifier: MIT */
/* runtime/records.h: records that are right, in pieces of every size, and every way to be wrong. */
#include "unit.h"

#include "runtime/records.h"

static char said[4096];
static struct sp_patterns patterns;
static struct sp_collect ask;

static void say(const char *fmt, ...) SP_PRINTF(1, 2);
static void say(const char *fmt, ...)
{
	size_t at = strlen(said);
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(said + at, sizeof said - at, fmt, ap);
	va_end(ap);
}

static void on_file(void *cls, const struct sp_artifact *a)
{
	assert_int_equal(a->path_len, strlen(a->path));
	say("[%s %lld%s%s", a->path, (long long)a->size, a->executable ? " x" : "", a->missing ? "" : ":");
	if (a->missing) say(" !%d]", a->missing);
}
static void on_data(void *cls, const char *p, size_t n)
{
	assert_true(n > 0);
	say("%.*s", (int)n, p);
}
static void on_file_end(void *cls, bool whole) { say("%s]", whole ? "" : "~"); }

static int setup(void **state)
{
	static const char *const list[] = {"a", "d/**", "s*", "\xff\n"};
	said[0] = 0;
	patterns.n = SP_COUNT(list);
	for (unsigned i = 0; i < patterns.n; i++)
		if (sp_pattern_parse(&patterns.one[i], list[i])) return -1;
	ask = (struct sp_collect){.files_max = 4,
	        .file_bytes_max = 100,
	        .total_bytes_max = 200,
	        .depth_max = 3,
	        .on_file = on_file,
	        .on_data = on_data,
	        .on_file_end = on_file_end};
	return 0;
}

/* ---- records, as they are written down */

struct text {
	char p[512];
	size_t n;
};

static void bytes(struct text *t, const void *p, size_t n)
{
	assert_true(t->n + n <= sizeof t->p);
	memcpy(t->p + t->n, p, n);
	t->n += n;
}
static void number(struct text *t, uint64_t v, int size)
{
	for (int i = 0; i < size; i++) bytes(t, &(char){(char)(v >> 8 * i)}, 1);
}
static void head(struct text *t, unsigned kind, unsigned detail, const char *path, uint64_t size)
{
	number(t, kind, 1), number(t, detail, 1), number(t, strlen(path), 2), number(t, size, 8);
	bytes(t, path, strlen(path));
}
static void chunk(struct text *t, const char *p)
{
	number(t, strlen(p), 4);
	bytes(t, p, strlen(p));
}
static void end(struct text *t, unsigned hits, unsigned files, unsigned skipped, uint64_t all)
{
	head(t, SP_BOX_RECORD_END, 0, "", 0);
	number(t, hits, 4), number(t, files, 4), number(t, skipped, 4), number(t, all, 8);
}
static struct text begun(void)
{
	struct text t = {.n = 0};
	bytes(&t, "SPR1", 4);
	return t;
}
static struct text good(void)
{
	struct text t = begun();
	head(&t, SP_BOX_RECORD_FILE, 0, "a", 5), chunk(&t, "he"), chunk(&t, "llo"), number(&t, 0, 4);
	head(&t, SP_BOX_RECORD_SKIPPED, SP_BOX_SKIP_LINK, "d/l", 0);
	head(&t, SP_BOX_RECORD_FILE, 1, "d/x/y", 0), number(&t, 0, 4);
	head(&t, SP_BOX_RECORD_SKIPPED, SP_BOX_SKIP_LARGE, "s", UINT64_MAX);
	head(&t, SP_BOX_RECORD_FILE, 0, "\xff\n", 3), chunk(&t, "abc"), number(&t, 0, 4);
	end(&t, SP_BOX_HIT_DEEP, 3, 2, 8);
	return t;
}
#define GOOD "[a 5:hello][d/l 0 !3][d/x/y 0 x:][s 9223372036854775807 !1][\xff\n 3:abc]"

/* In pieces of `piece` bytes; the fault, or NULL. Afterwards nothing more is taken. */
static const char *feed(const struct text *t, size_t piece, bool *ended)
{
	struct sp_records r;
	const char *fault = NULL;
	sp_records_init(&r, &ask, &patterns);
	for (size_t at = 0; at < t->n && !fault; at += piece) fault = sp_records_feed(&r, t->p + at, t->n - at < piece ? t->n - at : piece);
	*ended = sp_records_finish(&r);
	if (fault) {
		size_t told = strlen(said);
		assert_false(*ended);
		assert_non_null(sp_records_feed(&r, "SPR1", 4));
		assert_int_equal(strlen(said), told);
	}
	return fault;
}

static void in_pieces_of_every_size(void **state)
{
	struct text t = good();
	bool ended;
	for (size_t piece = 1; piece <= t.n; piece++) {
		said[0] = 0;
		assert_null(feed(&t, piece, &ended));
		assert_true(ended);
		assert_string_equal(said, GOOD);
	}
}

/* Whoever stops in the midst is not done, and a file that was begun is not whole. */
static void cut_anywhere(void **state)
{
	struct text t = good();
	bool ended;
	for (size_t n = 0; n < t.n; n++) {
		struct text cut = t;
		cut.n = n;
		said[0] = 0;
		assert_null(feed(&cut, 7, &ended));
		assert_false(ended);
		size_t opened = 0, closed = 0;
		for (const char *s = said; *s; s++) opened += *s == '[', closed += *s == ']';
		assert_int_equal(opened, closed);
	}
}

/* No byte can be changed so that something else than was sent is believed whole: either it is refused, or it is another record that is right in itself. */
static void flipped_anywhere(void **state)
{
	struct text t = good();
	bool ended;
	unsigned refused = 0, unfinished = 0;
	for (size_t i = 0; i < t.n; i++)
		for (int bit = 0; bit < 8; bit++) {
			struct text other = t;
			other.p[i] = (char)(other.p[i] ^ 1 << bit);
			said[0] = 0;
			const char *fault = feed(&other, 1 + (i + (size_t)bit) % 9, &ended);
			refused += fault != NULL;
			unfinished += !fault && !ended;
		}
	assert_true(refused > 800);
	assert_true(unfinished > 0);
}

static void refused(struct text t, const char *says, const char *told)
{
	bool ended;
	for (size_t piece = 1; piece < 40; piece += 6) {
		said[0] = 0;
		const char *fault = feed(&t, piece, &ended);
		if (!fault) fail_msg("not refused: %s", says);
		assert_string_equal(fault, says);
		assert_string_equal(said, told);
	}
}
#define REFUSED(says, told, ...) \
	do { \
		struct text t = begun(); \
		__VA_ARGS__; \
		refused(t, says, told); \
	} while (0)

static void what_is_wrong_in_itself(void **state)
{
	static char long_name[258];
	memset(long_name, 'n', 257);
	REFUSED("no header, or of another version", "", t.p[3] = '2');
	REFUSED("a record of an unknown kind", "", head(&t, 0, 0, "a", 0));
	REFUSED("a record of an unknown kind", "", head(&t, 4, 0, "a", 0));
	REFUSED("a file with an unknown mode", "", head(&t, SP_BOX_RECORD_FILE, 2, "a", 0));
	REFUSED("a file skipped for an unknown reason", "", head(&t, SP_BOX_RECORD_SKIPPED, 0, "a", 0));
	REFUSED("a file skipped for an unknown reason", "", head(&t, SP_BOX_RECORD_SKIPPED, SP_BOX_SKIP_LAST_ + 1, "a", 0));
	REFUSED("a path of no length, or too long", "", head(&t, SP_BOX_RECORD_FILE, 0, "", 0));
	REFUSED("a path of no length, or too long", "", number(&t, 1, 2), number(&t, 1025, 2), number(&t, 0, 8));
	REFUSED("a path that leads elsewhere", "", head(&t, SP_BOX_RECORD_FILE, 0, "/a", 0));
	REFUSED("a path that leads elsewhere", "", head(&t, SP_BOX_RECORD_FILE, 0, "d/../a", 0));
	REFUSED("a path that leads elsewhere", "", head(&t, SP_BOX_RECORD_SKIPPED, 1, ".", 0));
	REFUSED("a path that leads elsewhere", "", head(&t, SP_BOX_RECORD_FILE, 0, "d//a", 0));
	REFUSED("a path that leads elsewhere", "", head(&t, SP_BOX_RECORD_FILE, 0, "d/", 0));
	REFUSED("a path that leads elsewhere", "", head(&t, SP_BOX_RECORD_FILE, 0, long_name, 0));
	REFUSED("a path that leads elsewhere", "", number(&t, 1, 2), number(&t, 3, 2), number(&t, 0, 8), bytes(&t, "a\0b", 3));
	REFUSED("an END with more than it may have", "", head(&t, SP_BOX_RECORD_END, 0, "a", 0));
	REFUSED("an END with more than it may have", "", head(&t, SP_BOX_RECORD_END, 1, "", 0));
	REFUSED("an END with more than it may have", "", head(&t, SP_BOX_RECORD_END, 0, "", 1));
	REFUSED("an END with an unknown bit", "", end(&t, SP_BOX_HIT_ALL_ + 1, 0, 0, 0));
	REFUSED("bytes after the END", "", end(&t, 0, 0, 0, 0), number(&t, 0, 1));
	REFUSED("a file with more bytes than its size", "[a 2:~]", head(&t, SP_BOX_RECORD_FILE, 0, "a", 2), chunk(&t, "abc"));
	REFUSED("a file with more bytes than its size", "[a 2:ab~]", head(&t, SP_BOX_RECORD_FILE, 0, "a", 2), chunk(&t, "ab"),
	        chunk(&t, "c"));
	REFUSED("a piece of a file that is too large", "[a 2:~]", head(&t, SP_BOX_RECORD_FILE, 0, "a", 2), number(&t, 65537, 4));
}

static void what_was_not_asked_for(void **state)
{
	REFUSED("a file that was not asked for", "", head(&t, SP_BOX_RECORD_FILE, 0, "b", 0));
	REFUSED("a file that was not asked for", "", head(&t, SP_BOX_RECORD_FILE, 0, "d", 0));
	REFUSED("a path deeper than was asked for", "", head(&t, SP_BOX_RECORD_FILE, 0, "d/e/f/g", 0));
	REFUSED("a file larger than was asked for", "", head(&t, SP_BOX_RECORD_FILE, 0, "a", 101));
	REFUSED("a file larger than was asked for", "", head(&t, SP_BOX_RECORD_FILE, 0, "a", UINT64_MAX));
	ask.file_bytes_max = 1000;
	REFUSED("more bytes than were asked for", "[a 150:~]", head(&t, SP_BOX_RECORD_FILE, 0, "a", 150), number(&t, 0, 4),
	        head(&t, SP_BOX_RECORD_FILE, 0, "s", 51));
	ask.files_max = 1;
	REFUSED("more files than were asked for", "[a 0:]", head(&t, SP_BOX_RECORD_FILE, 0, "a", 0), number(&t, 0, 4),
	        head(&t, SP_BOX_RECORD_FILE, 0, "s", 0));
}

static void what_comes_out_of_order(void **state)
{
	const char *says = "a path that comes twice, out of order or below a file";
	REFUSED(says, "[s1 0:]", head(&t, SP_BOX_RECORD_FILE, 0, "s1", 0), number(&t, 0, 4), head(&t, SP_BOX_RECORD_FILE, 0, "s1", 0));
	REFUSED(says, "[s1 0:]", head(&t, SP_BOX_RECORD_FILE, 0, "s1", 0), number(&t, 0, 4), head(&t, SP_BOX_RECORD_SKIPPED, 1, "s1", 0));
	REFUSED(says, "[s1 0:]", head(&t, SP_BOX_RECORD_FILE, 0, "s1", 0), number(&t, 0, 4), head(&t, SP_BOX_RECORD_FILE, 0, "a", 0));
	REFUSED(says, "[d/e 0:]", head(&t, SP_BOX_RECORD_FILE, 0, "d/e", 0), number(&t, 0, 4), head(&t, SP_BOX_RECORD_FILE, 0, "d/e/f", 0));
	REFUSED(says, "[d/e 0 !6]", head(&t, SP_BOX_RECORD_SKIPPED, 6, "d/e", 0), head(&t, SP_BOX_RECORD_FILE, 0, "d/e/f", 0));
	REFUSED(says, "[d/a-b 0 !6]", head(&t, SP_BOX_RECORD_SKIPPED, 6, "d/a-b", 0), head(&t, SP_BOX_RECORD_FILE, 0, "d/a/b", 0));
}

static void counts(void **state)
{
	const char *says = "an END that counts other than what came";
	REFUSED(says, "[a 1:a]", head(&t, SP_BOX_RECORD_FILE, 0, "a", 1), chunk(&t, "a"), number(&t, 0, 4), end(&t, 0, 0, 0, 1));
	REFUSED(says, "[a 1:a]", head(&t, SP_BOX_RECORD_FILE, 0, "a", 1), chunk(&t, "a"), number(&t, 0, 4), end(&t, 0, 1, 0, 2));
	REFUSED(says, "[a 0 !3]", head(&t, SP_BOX_RECORD_SKIPPED, 3, "a", 0), end(&t, 0, 0, 0, 0));
	REFUSED(says, "", end(&t, 0, 0, 1, 0));
	REFUSED(says, "", end(&t, SP_BOX_HIT_SKIPS, 0, 0, 0));
	REFUSED(says, "", end(&t, SP_BOX_HIT_SKIPS, 0, 1, 0));
}

/* What the collector skips beyond those that it may tell. */
static void many_that_are_skipped(void **state)
{
	struct sp_records r;
	struct text t = begun();
	char path[16];

	sp_records_init(&r, &ask, &patterns);
	assert_null(sp_records_feed(&r, t.p, t.n));
	for (unsigned i = 0; i < SP_BOX_SKIPS_MAX; i++) {
		t.n = 0;
		said[0] = 0;
		snprintf(path, sizeof path, "s%03u", i);
		head(&t, SP_BOX_RECORD_SKIPPED, SP_BOX_SKIP_SPECIAL, path, 0);
		assert_null(sp_records_feed(&r, t.p, t.n));
	}
	struct sp_records full = r;
	t.n = 0;
	head(&t, SP_BOX_RECORD_SKIPPED, SP_BOX_SKIP_SPECIAL, "s999", 0);
	assert_string_equal(sp_records_feed(&r, t.p, t.n), "more skipped files than may be told");
	r = full;
	t.n = 0;
	end(&t, SP_BOX_HIT_SKIPS, 0, 1000, 0);
	assert_null(sp_records_feed(&r, t.p, t.n));
	assert_true(sp_records_finish(&r));
	assert_int_equal(r.all_skipped, 1000);
	/* exactly as many as may be told are no more than those */
	r = full;
	t.n = 0;
	end(&t, 0, 0, SP_BOX_SKIPS_MAX, 0);
	assert_null(sp_records_feed(&r, t.p, t.n));
	assert_true(sp_records_finish(&r));
}

/* A file that could not be read to its end is given, and not as whole; what comes after it is. */
static void a_file_that_was_cut(void **state)
{
	struct text t = begun();
	bool ended;
	head(&t, SP_BOX_RECORD_FILE, 0, "a", 5), chunk(&t, "ab"), number(&t, 0, 4);
	head(&t, SP_BOX_RECORD_FILE, 0, "s", 1), chunk(&t, "c"), number(&t, 0, 4);
	end(&t, 0, 2, 0, 6);
	assert_null(feed(&t, t.n, &ended));
	assert_true(ended);
	assert_string_equal(said, "[a 5:ab~][s 1:c]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup(in_pieces_of_every_size, setup),
	        cmocka_unit_test_setup(cut_anywhere, setup),
	        cmocka_unit_test_setup(flipped_anywhere, setup),
	        cmocka_unit_test_setup(what_is_wrong_in_itself, setup),
	        cmocka_unit_test_setup(what_was_not_asked_for, setup),
	        cmocka_unit_test_setup(what_comes_out_of_order, setup),
	        cmocka_unit_test_setup(counts, setup),
	        cmocka_unit_test_setup(many_that_are_skipped, setup),
	        cmocka_unit_test_setup(a_file_that_was_cut, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
