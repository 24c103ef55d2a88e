/* SPDX-License-Identifier: MIT */
/* What stands on the page of metrics, for tests that count. */
#ifndef SP_TESTS_METRIC_VALUE_H
#define SP_TESTS_METRIC_VALUE_H

#include "unit.h"

#include "base/metrics.h"

/* What stands behind `sample`, as text; NULL when there is no such line. Good until the next call. */
static inline const char *metric_text(const char *sample)
{
	static char out[64];
	struct sp_buf b;
	size_t n = strlen(sample);
	const char *found = NULL;

	sp_buf_init(&b, 1 << 20);
	assert_int_equal(sp_metrics_write(&b), 0);
	for (char *rest, *line = strtok_r(b.data ? b.data : (char[]){""}, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (strncmp(line, sample, n) != 0 || line[n] != ' ') continue;
		snprintf(out, sizeof(out), "%s", line + n + 1);
		found = out;
	}
	sp_buf_fini(&b);
	return found;
}

/* 0 when there is none. */
static inline double metric_value(const char *sample)
{
	const char *s = metric_text(sample);
	return s ? strtod(s, NULL) : 0;
}

#endif
