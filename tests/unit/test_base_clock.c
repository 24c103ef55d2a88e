/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <time.h>

#include "base/clock.h"

static void clocks_agree_with_the_kernel(void **state)
{
	struct timespec a, b;

	clock_gettime(CLOCK_MONOTONIC, &a);
	int64_t mid = sp_mono_ns();
	clock_gettime(CLOCK_MONOTONIC, &b);
	assert_true(a.tv_sec * SP_NS_PER_S + a.tv_nsec <= mid && mid <= b.tv_sec * SP_NS_PER_S + b.tv_nsec);

	clock_gettime(CLOCK_REALTIME, &a);
	mid = sp_wall_ms();
	clock_gettime(CLOCK_REALTIME, &b);
	assert_true(a.tv_sec * 1000 + a.tv_nsec / SP_NS_PER_MS <= mid && mid <= b.tv_sec * 1000 + b.tv_nsec / SP_NS_PER_MS);
}

static void assert_date(int64_t ms, const char *text)
{
	char out[SP_RFC3339_LEN];

	sp_format_rfc3339(out, ms);
	assert_string_equal(out, text);
}

static void known_dates(void **state)
{
	assert_date(0, "1970-01-01T00:00:00.000Z");
	assert_date(-1, "1969-12-31T23:59:59.999Z");
	assert_date(INT64_C(951782400000), "2000-02-29T00:00:00.000Z");
	assert_date(INT64_C(951868800000), "2000-03-01T00:00:00.000Z");
	assert_date(INT64_C(1795376416120), "2026-11-22T19:40:16.120Z");
	assert_date(INT64_C(4107542399999), "2100-02-28T23:59:59.999Z");
	assert_date(INT64_C(4107542400000), "2100-03-01T00:00:00.000Z");
	assert_date(INT64_C(-62167219200000), "0000-01-01T00:00:00.000Z");
	assert_date(INT64_C(253402300799999), "9999-12-31T23:59:59.999Z");
}

static void dates_outside_are_clamped(void **state)
{
	assert_date(INT64_MIN, "0000-01-01T00:00:00.000Z");
	assert_date(INT64_MAX, "9999-12-31T23:59:59.999Z");
}

static void as_the_c_library(int64_t first_day, int64_t last_day)
{
	char want[64], got[SP_RFC3339_LEN];

	/* At a time of day that wanders. */
	for (int64_t day = first_day; day <= last_day; day++) {
		int64_t ms = day * INT64_C(86400000) + (day & 0xffff) * 1318;
		int part = (int)((ms % 1000 + 1000) % 1000);
		time_t s = (time_t)((ms - part) / 1000);
		struct tm tm;
		assert_non_null(gmtime_r(&s, &tm));
		snprintf(want, sizeof(want), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
		        tm.tm_hour, tm.tm_min, tm.tm_sec, part);
		sp_format_rfc3339(got, ms);
		if (strcmp(want, got) != 0) fail_msg("%s, should be %s", got, want);
	}
}

/* The calendar repeats after 400 years: one period at either end, and the years that people use. */
static void every_day_as_the_c_library(void **state)
{
	as_the_c_library(-719528, -719528 + 146098);
	as_the_c_library(-25567, 84006); /* 1900 to 2199 */
	as_the_c_library(2932896 - 146098, 2932896);
}

struct shared {
	pthread_mutex_t m;
	pthread_cond_t c;
	bool ready;
};

static void *make_ready(void *arg)
{
	struct shared *s = arg;

	pthread_mutex_lock(&s->m);
	s->ready = true;
	pthread_cond_signal(&s->c);
	pthread_mutex_unlock(&s->m);
	return NULL;
}

static void wait_is_woken(void **state)
{
	struct shared s = {.m = PTHREAD_MUTEX_INITIALIZER};
	pthread_t t;

	sp_cond_init(&s.c);
	pthread_mutex_lock(&s.m);
	assert_int_equal(pthread_create(&t, NULL, make_ready, &s), 0);
	while (!s.ready) assert_int_equal(sp_cond_wait_until(&s.c, &s.m, INT64_MAX), 0);
	pthread_mutex_unlock(&s.m);
	pthread_join(t, NULL);
	pthread_cond_destroy(&s.c);
}

static void wait_ends_at_its_deadline_and_not_before(void **state)
{
	struct shared s = {.m = PTHREAD_MUTEX_INITIALIZER};
	int64_t deadline = sp_mono_ns() + 20 * SP_NS_PER_MS;

	sp_cond_init(&s.c);
	pthread_mutex_lock(&s.m);
	while (sp_cond_wait_until(&s.c, &s.m, deadline) == 0) continue; /* woken for no reason is allowed */
	assert_true(sp_mono_ns() >= deadline);
	assert_int_equal(sp_cond_wait_until(&s.c, &s.m, 0), -1);
	assert_int_equal(sp_cond_wait_until(&s.c, &s.m, -5), -1);
	pthread_mutex_unlock(&s.m);
	pthread_cond_destroy(&s.c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(clocks_agree_with_the_kernel),
	        cmocka_unit_test(known_dates),
	        cmocka_unit_test(dates_outside_are_clamped),
	        cmocka_unit_test(every_day_as_the_c_library),
	        cmocka_unit_test(wait_is_woken),
	        cmocka_unit_test(wait_ends_at_its_deadline_and_not_before),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
