/* SPDX-License-Identifier: MIT */
/* The module itself is included, with a clock that the tests set. */
#include "unit.h"

#include "base/clock.h"

static int64_t test_wall_ms = INT64_C(1795376416120);
static int64_t test_wall(void) { return test_wall_ms; }
#define sp_wall_ms test_wall
#include "base/id.c"
#undef sp_wall_ms

static uint64_t ms_of(const struct sp_id *id)
{
	uint64_t ms = 0;
	for (int i = 0; i < 6; i++) ms = ms << 8 | id->b[i];
	return ms;
}

static void assert_v7(const struct sp_id *id)
{
	assert_int_equal(id->b[6] >> 4, 7);
	assert_int_equal(id->b[8] >> 6, 2);
}

static bool before(const struct sp_id *a, const struct sp_id *b) { return memcmp(a->b, b->b, 16) < 0; }

static void carries_the_time(void **state)
{
	test_wall_ms += 1000;
	struct sp_id a = sp_id_new();
	assert_v7(&a);
	assert_int_equal(ms_of(&a), test_wall_ms);
	test_wall_ms += 1;
	struct sp_id b = sp_id_new();
	assert_int_equal(ms_of(&b), test_wall_ms);
	assert_true(before(&a, &b));
	/* Random below the time: two milliseconds do not start at the same place. */
	assert_true(memcmp(a.b + 8, b.b + 8, 8) != 0);
}

static void increases_within_a_millisecond(void **state)
{
	test_wall_ms += 1;
	struct sp_id last = sp_id_new();

	for (int i = 0; i < 200000; i++) {
		struct sp_id id = sp_id_new();
		if (!before(&last, &id)) fail_msg("id %d is not after the one before", i);
		assert_v7(&id);
		assert_int_equal(ms_of(&id), test_wall_ms);
		last = id;
	}
}

static void increases_when_the_clock_goes_back(void **state)
{
	struct sp_id a = sp_id_new();
	test_wall_ms -= 5000;
	struct sp_id b = sp_id_new();
	assert_true(before(&a, &b));
	test_wall_ms = -1;
	struct sp_id c = sp_id_new();
	assert_true(before(&b, &c));
	test_wall_ms = INT64_C(1795376416120) + 100000;
	struct sp_id d = sp_id_new();
	assert_true(before(&c, &d));
	assert_int_equal(ms_of(&d), test_wall_ms);
}

static void a_full_counter_goes_on(void **state)
{
	struct sp_id a = sp_id_new(), b;

	/* Carry from the low to the high part. */
	last_lo = LOW62;
	last_hi = 5;
	b = sp_id_new();
	assert_v7(&b);
	assert_int_equal(last_hi, 6);
	assert_true(before(&a, &b) || ms_of(&a) == ms_of(&b));
	/* Both full: the next millisecond is borrowed. */
	last_lo = LOW62;
	last_hi = 0xfff;
	uint64_t ms = last_ms;
	struct sp_id c = sp_id_new();
	assert_v7(&c);
	assert_int_equal(ms_of(&c), ms + 1);
	assert_true(before(&b, &c));
	struct sp_id d = sp_id_new();
	assert_true(before(&c, &d));
	assert_int_equal(ms_of(&d), ms + 1);
}

#define THREADS 4
#define PER_THREAD 20000
static struct sp_id made[THREADS][PER_THREAD];

static void *make_many(void *arg)
{
	struct sp_id *to = arg;
	for (int i = 0; i < PER_THREAD; i++) to[i] = sp_id_new();
	return NULL;
}

static int compare(const void *a, const void *b) { return memcmp(a, b, sizeof(struct sp_id)); }

static void threads_never_share_one(void **state)
{
	pthread_t t[THREADS];

	for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_create(&t[i], NULL, make_many, made[i]), 0);
	for (int i = 0; i < THREADS; i++) pthread_join(t[i], NULL);
	for (int i = 0; i < THREADS; i++)
		for (int k = 1; k < PER_THREAD; k++) assert_true(before(&made[i][k - 1], &made[i][k]));
	qsort(made, (size_t)THREADS * PER_THREAD, sizeof(struct sp_id), compare);
	const struct sp_id *all = &made[0][0];
	for (int i = 1; i < THREADS * PER_THREAD; i++) assert_false(sp_id_equal(&all[i - 1], &all[i]));
}

static void make_one(void *arg)
{
	struct sp_id id = sp_id_new();
	char text[SP_ID_TEXT];
	sp_id_text(&id, text);
	if (write(STDERR_FILENO, text, 36) != 36) _exit(1);
}

static void children_do_not_repeat_each_other(void **state)
{
	char a[64], b[64], mine[SP_ID_TEXT];

	assert_int_equal(in_child(make_one, NULL, a, sizeof(a)), 0);
	assert_int_equal(in_child(make_one, NULL, b, sizeof(b)), 0);
	struct sp_id id = sp_id_new();
	sp_id_text(&id, mine);
	assert_int_equal(strlen(a), 36);
	assert_string_not_equal(a, b);
	assert_string_not_equal(a, mine);
	assert_string_not_equal(b, mine);
}

static void text_and_back(void **state)
{
	static const struct sp_id id = {{0x01, 0x9a, 0xbc, 0xde, 0xf0, 0x12, 0x7f, 0xed, 0x80, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xff}};
	struct sp_id back;
	char text[SP_ID_TEXT];

	sp_id_text(&id, text);
	assert_string_equal(text, "019abcde-f012-7fed-8000-0000000000ff");
	assert_true(sp_id_parse(text, &back));
	assert_true(sp_id_equal(&id, &back));
	assert_true(sp_id_parse("019ABCDE-F012-7FED-8000-0000000000fF", &back));
	assert_true(sp_id_equal(&id, &back));
	assert_true(sp_id_parse("00000000-0000-0000-0000-000000000000", &back));
	assert_true(sp_id_parse("ffffffff-ffff-4fff-bfff-ffffffffffff", &back));
	assert_false(sp_id_equal(&id, &back));
}

static void refuses_other_text(void **state)
{
	static const char good[] = "019abcde-f012-7fed-8000-0000000000ff";
	struct sp_id out = {{1}}, was = out;

	assert_false(sp_id_parse(NULL, &out));
	assert_false(sp_id_parse("019abcdef0127fed80000000000000ff", &out));
	assert_false(sp_id_parse("{019abcde-f012-7fed-8000-0000000000ff}", &out));
	assert_false(sp_id_parse("019abcde-f012-7fed-8000-0000000000ff ", &out));
	/* Every shorter text, in memory of its own so that reading past the end is seen. */
	for (size_t n = 0; n < 36; n++) {
		sp_autofree char *cut = malloc(n + 1);
		memcpy(cut, good, n);
		cut[n] = '\0';
		assert_false(sp_id_parse(cut, &out));
	}
	/* Every place with a character that does not belong there. */
	for (size_t i = 0; i < 36; i++) {
		static const char wrong[] = "gG/:@`. -";
		for (const char *w = wrong; *w; w++) {
			char t[SP_ID_TEXT];
			memcpy(t, good, sizeof(t));
			if (t[i] == *w) continue;
			t[i] = *w;
			assert_false(sp_id_parse(t, &out));
		}
	}
	assert_true(sp_id_equal(&out, &was));
}

static void hashes_spread(void **state)
{
	unsigned in[64] = {0};
	struct sp_id first = sp_id_new(), same = first;

	assert_true(sp_id_hash(&first) == sp_id_hash(&same));
	for (int i = 0; i < 64000; i++) {
		struct sp_id id = sp_id_new();
		in[sp_id_hash(&id) % 64]++;
	}
	/* 1000 expected, standard deviation 31: ten of them on either side. */
	for (int i = 0; i < 64; i++) assert_in_range(in[i], 690, 1310);
}

static void random_text(void **state)
{
	char a[200], b[200];
	unsigned seen[256] = {0}, total = 0;

	memset(a, 'X', sizeof(a));
	sp_random_text(a, 0);
	assert_int_equal(a[0], 'X');
	sp_random_text(a, 1);
	assert_string_equal(a, "");
	sp_random_text(a, 13);
	assert_int_equal(strlen(a), 12);
	assert_int_equal(a[13], 'X');
	sp_random_text(b, 13);
	assert_string_not_equal(a, b);
	for (int i = 0; i < 3000; i++) {
		sp_random_text(b, sizeof(b));
		assert_int_equal(strlen(b), sizeof(b) - 1);
		for (const char *p = b; *p; p++) seen[(unsigned char)*p]++;
	}
	/* 16583 of each expected, standard deviation 127: ten of them on either side. A plain remainder would give 18656 of the first four. */
	for (const char *p = "0123456789abcdefghijklmnopqrstuvwxyz"; *p; p++) {
		assert_in_range(seen[(unsigned char)*p], 15313, 17853);
		total += seen[(unsigned char)*p];
	}
	assert_int_equal(total, 3000 * (sizeof(b) - 1));
}

static void times_of_ids(void **state)
{
	struct sp_id id, low, high;

	test_wall_ms += 1000;
	id = sp_id_new();
	assert_int_equal(sp_id_ms(&id), ms_of(&id));
	low = sp_id_floor(sp_id_ms(&id));
	high = sp_id_floor(sp_id_ms(&id) + 1);
	assert_true(memcmp(low.b, id.b, sizeof(id.b)) < 0);
	assert_true(memcmp(high.b, id.b, sizeof(id.b)) > 0);
	assert_int_equal(sp_id_ms(&low), sp_id_ms(&id));
	/* No time is out of its range. */
	low = sp_id_floor(-1);
	assert_int_equal(sp_id_ms(&low), 0);
	high = sp_id_floor(INT64_MAX);
	assert_int_equal(sp_id_ms(&high), (INT64_C(1) << 48) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(carries_the_time),
	        cmocka_unit_test(increases_within_a_millisecond),
	        cmocka_unit_test(increases_when_the_clock_goes_back),
	        cmocka_unit_test(a_full_counter_goes_on),
	        cmocka_unit_test(threads_never_share_one),
	        cmocka_unit_test(children_do_not_repeat_each_other),
	        cmocka_unit_test(text_and_back),
	        cmocka_unit_test(refuses_other_text),
	        cmocka_unit_test(hashes_spread),
	        cmocka_unit_test(random_text),
	        cmocka_unit_test(times_of_ids),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
