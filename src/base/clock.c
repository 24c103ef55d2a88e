/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/err.h"

#define MS_PER_DAY INT64_C(86400000)
#define FIRST_MS INT64_C(-62167219200000) /* 0000-01-01T00:00:00.000Z */
#define LAST_MS INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */

int64_t sp_mono_ns(void)
{
	struct timespec t;

	SP_BUG_ON(clock_gettime(CLOCK_MONOTONIC, &t) != 0);
	return t.tv_sec * SP_NS_PER_S + t.tv_nsec;
}

int64_t sp_wall_ms(void)
{
	struct timespec t;

	SP_BUG_ON(clock_gettime(CLOCK_REALTIME, &t) != 0);
	return t.tv_sec * INT64_C(1000) + t.tv_nsec / SP_NS_PER_MS;
}

static char *put(char *p, unsigned v, int digits)
{
	for (int i = digits - 1; i >= 0; i--, v /= 10) p[i] = (char)('0' + v % 10);
	return p + digits;
}

/* By arithmetic and not by gmtime_r(3), which takes the C library's time zone lock: every log line and every row passes here. */
void sp_format_rfc3339(char out[SP_RFC3339_LEN], int64_t wall_ms)
{
	if (wall_ms < FIRST_MS) wall_ms = FIRST_MS;
	if (wall_ms > LAST_MS) wall_ms = LAST_MS;

	/* Days are counted from 0000-03-01, so that a leap day is the last day of its year and of its 400-year era (146097 days). Since the
	 * first date above lies 60 days before that, one era is added and taken off again. */
	int64_t since = wall_ms - FIRST_MS;
	unsigned ms = (unsigned)(since % MS_PER_DAY);
	unsigned days = (unsigned)(since / MS_PER_DAY) - 60u + 146097u;
	unsigned era = days / 146097u, doe = days % 146097u;
	unsigned yoe = (doe - doe / 1460u + doe / 36524u - doe / 146096u) / 365u;
	unsigned doy = doe - (365u * yoe + yoe / 4u - yoe / 100u);
	unsigned mp = (5u * doy + 2u) / 153u; /* months since March */
	unsigned day = doy - (153u * mp + 2u) / 5u + 1u;
	unsigned month = mp < 10u ? mp + 3u : mp - 9u;
	unsigned year = yoe + era * 400u - 400u + (month <= 2u);

	char *p = put(out, year, 4);
	*p++ = '-';
	p = put(p, month, 2);
	*p++ = '-';
	p = put(p, day, 2);
	*p++ = 'T';
	p = put(p, ms / 3600000u, 2);
	*p++ = ':';
	p = put(p, ms / 60000u % 60u, 2);
	*p++ = ':';
	p = put(p, ms / 1000u % 60u, 2);
	*p++ = '.';
	p = put(p, ms % 1000u, 3);
	*p++ = 'Z';
	*p = '\0';
}

void sp_cond_init(pthread_cond_t *c)
{
	pthread_condattr_t a;

	SP_BUG_ON(pthread_condattr_init(&a) != 0);
	SP_BUG_ON(pthread_condattr_setclock(&a, CLOCK_MONOTONIC) != 0);
	SP_BUG_ON(pthread_cond_init(c, &a) != 0);
	pthread_condattr_destroy(&a);
}

int sp_cond_wait_until(pthread_cond_t *c, pthread_mutex_t *m, int64_t deadline_ns)
{
	if (deadline_ns < 0) deadline_ns = 0;
	struct timespec t = {.tv_sec = deadline_ns / SP_NS_PER_S, .tv_nsec = deadline_ns % SP_NS_PER_S};
	int rc = pthread_cond_timedwait(c, m, &t);

	SP_BUG_ON(rc != 0 && rc != ETIMEDOUT);
	return rc ? -1 : 0;
}

static bool two(const char *s, int min, int max, int *out)
{
	if (s[0] < '0' || s[0] > '9' || s[1] < '0' || s[1] > '9') return false;
	*out = (s[0] - '0') * 10 + s[1] - '0';
	return *out >= min && *out <= max;
}

bool sp_parse_rfc3339(const char *s, int64_t *wall_ms)
{
	struct tm t = {0};
	int century, year, oh = 0, om = 0, sign = 1;
	int64_t ms = 0;

	if (strnlen(s, 20) < 20) return false;
	if (!two(s, 0, 99, &century) || !two(s + 2, 0, 99, &year) || s[4] != '-' || !two(s + 5, 1, 12, &t.tm_mon) || s[7] != '-' ||
	        !two(s + 8, 1, 31, &t.tm_mday) || (s[10] != 'T' && s[10] != 't') || !two(s + 11, 0, 23, &t.tm_hour) || s[13] != ':' ||
	        !two(s + 14, 0, 59, &t.tm_min) || s[16] != ':' || !two(s + 17, 0, 60, &t.tm_sec))
		return false;
	const char *p = s + 19;
	if (*p == '.') {
		int digits = 0;
		for (p++; *p >= '0' && *p <= '9'; p++, digits++)
			if (digits < 3) ms = ms * 10 + (*p - '0');
		if (digits == 0 || digits > 9) return false;
		for (; digits < 3; digits++) ms *= 10;
	}
	if (*p == '+' || *p == '-') {
		sign = *p == '-' ? -1 : 1;
		if (strnlen(p, 7) != 6 || !two(p + 1, 0, 23, &oh) || p[3] != ':' || !two(p + 4, 0, 59, &om)) return false;
	} else if ((*p != 'Z' && *p != 'z') || p[1]) {
		return false;
	}
	t.tm_year = century * 100 + year - 1900;
	t.tm_mon--;
	/* timegm() moves a 31st of April into May, and leap seconds into the next minute: the date alone tells the first. */
	struct tm date = {.tm_year = t.tm_year, .tm_mon = t.tm_mon, .tm_mday = t.tm_mday}, given = date;
	(void)timegm(&date);
	if (t.tm_year < 70 || date.tm_mon != given.tm_mon || date.tm_mday != given.tm_mday) return false;
	time_t seconds = timegm(&t);
	*wall_ms = (int64_t)seconds * 1000 + ms - sign * ((int64_t)oh * 3600 + (int64_t)om * 60) * 1000;
	return true;
}
