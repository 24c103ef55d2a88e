/* SPDX-License-Identifier: MIT */
/* The counts are the process's, so every test here has metrics of its own. What the whole page must be like is tests/api/test_metrics.py's. */
#include "metric_value.h"

#include <pthread.h>

static char *page(void)
{
	struct sp_buf b;

	sp_buf_init(&b, 1 << 20);
	assert_int_equal(sp_metrics_write(&b), 0);
	return sp_buf_steal(&b, NULL);
}

static void assert_value(const char *sample, const char *want)
{
	const char *got = metric_text(sample);
	if (!got || strcmp(got, want)) fail_msg("%s is %s, wanted %s", sample, got ? got : "not there", want);
}

static void nothing_counted_is_nothing_shown(void **state)
{
	sp_autofree char *text = page();
	assert_string_equal(text, "");
}

static void counters(void **state)
{
	sp_metric_start(SP_M_LEASES_LOST);
	assert_value("serapis_leases_lost_total", "0");
	sp_metric_count(SP_M_LEASES_LOST);
	sp_metric_count(SP_M_LEASES_LOST);
	assert_value("serapis_leases_lost_total", "2");
	sp_metric_count(SP_M_ACCEPTED, "ruby", "bulk");
	sp_metric_count(SP_M_ACCEPTED, "ruby", "bulk");
	sp_metric_count(SP_M_ACCEPTED, "rub", "ybulk"); /* another pair, whatever they are together */
	sp_metric_add(SP_M_ACCEPTED, 40, SP_METRIC_LABELS("node", "interactive"));
	assert_value("serapis_evaluations_accepted_total{language=\"ruby\",class=\"bulk\"}", "2");
	assert_value("serapis_evaluations_accepted_total{language=\"rub\",class=\"ybulk\"}", "1");
	assert_value("serapis_evaluations_accepted_total{language=\"node\",class=\"interactive\"}", "40");
	sp_metric_count(SP_M_STARTS, "a\"b", "c\\d", "e\nf");
	assert_value("serapis_starts_total{language=\"a\\\"b\",kind=\"c\\\\d\",why=\"e\\nf\"}", "1");
}

static void gauges(void **state)
{
	sp_metric_gauge(SP_M_WAITING, 3, "bulk");
	sp_metric_gauge(SP_M_WAITING, 4, "bulk");
	assert_value("serapis_waiting{class=\"bulk\"}", "4");
	sp_metric_gauge(SP_M_OLDEST_WAITING, 0.25, "bulk");
	assert_value("serapis_oldest_waiting_seconds{class=\"bulk\"}", "0.25");
	sp_metric_gauge(SP_M_OLDEST_WAITING, 0, "bulk");
	assert_value("serapis_oldest_waiting_seconds{class=\"bulk\"}", "0");
	/* The leader is another process now: what it says is not ours to repeat. */
	sp_metric_hide(SP_M_WAITING);
	assert_null(metric_text("serapis_waiting{class=\"bulk\"}"));
	sp_autofree char *text = page();
	assert_null(strstr(text, "serapis_waiting"));
	sp_metric_gauge(SP_M_WAITING, 1, "bulk");
	assert_value("serapis_waiting{class=\"bulk\"}", "1");
}

static void histograms(void **state)
{
	sp_metric_time(SP_M_STORE_DURATION, 0, "get");
	sp_metric_time(SP_M_STORE_DURATION, -5, "get"); /* a clock that went back */
	sp_metric_time(SP_M_STORE_DURATION, 100000, "get"); /* on a bound: in its bucket */
	sp_metric_time(SP_M_STORE_DURATION, 100001, "get");
	sp_metric_time(SP_M_STORE_DURATION, INT64_C(5000000001), "get"); /* over all bounds */
	assert_value("serapis_store_operation_duration_seconds_bucket{op=\"get\",le=\"0.0001\"}", "3");
	assert_value("serapis_store_operation_duration_seconds_bucket{op=\"get\",le=\"0.00025\"}", "4");
	assert_value("serapis_store_operation_duration_seconds_bucket{op=\"get\",le=\"5\"}", "4");
	assert_value("serapis_store_operation_duration_seconds_bucket{op=\"get\",le=\"+Inf\"}", "5");
	assert_value("serapis_store_operation_duration_seconds_count{op=\"get\"}", "5");
	assert_value("serapis_store_operation_duration_seconds_sum{op=\"get\"}", "5.000200002");
}

/* Labels come from tables, but a mistake there must not fill the memory or the page. */
static void combinations_are_bounded(void **state)
{
	char text[16];

	for (int i = 0; i < 3000; i++) {
		snprintf(text, sizeof(text), "r%d", i);
		sp_metric_count(SP_M_REPUBLISHED, text);
	}
	sp_metric_count(SP_M_REPUBLISHED, "r0");
	assert_value("serapis_republished_total{why=\"r0\"}", "2");
	assert_value("serapis_republished_total{why=\"r1022\"}", "1");
	assert_null(metric_text("serapis_republished_total{why=\"r1023\"}"));
	assert_value("serapis_republished_total{why=\"other\"}", "1977");
}

static void add_many(void *cls)
{
	char text[8];

	for (int i = 0; i < 20000; i++) {
		snprintf(text, sizeof(text), "%d", i % 50);
		sp_metric_count(SP_M_HTTP_REQUESTS, "/v1", "GET", text);
		sp_metric_time(SP_M_HTTP_DURATION, i, "/v1");
	}
}

static void *add_many_thread(void *cls)
{
	add_many(cls);
	return NULL;
}

static void threads_lose_nothing(void **state)
{
	pthread_t t[4];

	for (size_t i = 0; i < SP_COUNT(t); i++) assert_int_equal(pthread_create(&t[i], NULL, add_many_thread, NULL), 0);
	for (int i = 0; i < 20; i++) free(page());
	for (size_t i = 0; i < SP_COUNT(t); i++) pthread_join(t[i], NULL);
	for (int i = 0; i < 50; i++) {
		char sample[96];
		snprintf(sample, sizeof(sample), "serapis_http_requests_total{route=\"/v1\",method=\"GET\",code=\"%d\"}", i);
		assert_value(sample, "1600");
	}
	assert_value("serapis_http_request_duration_seconds_count{route=\"/v1\"}", "80000");
}

static void look_up(void *cls)
{
	int *n = cls;
	sp_metric_gauge(SP_M_HTTP_WAITERS, ++*n);
}

static void watches(void **state)
{
	int n = 10, m = 0;
	struct sp_metrics_watch a = {.fn = look_up, .cls = &n}, b = {.fn = look_up, .cls = &m};

	sp_metrics_unwatch(&a);
	sp_metrics_watch(&a);
	assert_value("serapis_http_waiters", "11");
	sp_metrics_watch(&b);
	free(page());
	assert_int_equal(n, 12);
	assert_int_equal(m, 1);
	sp_metrics_unwatch(&a);
	assert_value("serapis_http_waiters", "2");
	sp_metrics_unwatch(&b);
	sp_metrics_unwatch(&b);
	assert_value("serapis_http_waiters", "2");
}

static void full_page_says_so(void **state)
{
	struct sp_buf b;

	sp_metric_gauge(SP_M_BUILD_INFO, 1, "x");
	sp_buf_init(&b, 20);
	assert_int_equal(sp_metrics_write(&b), -1);
	sp_buf_fini(&b);
}

/* Names and labels as the format wants them; units in names as Prometheus does. */
static void table(void **state)
{
	struct sp_metric_row r, s;

	for (size_t i = 0; sp_metric_row(i, &r); i++) {
		assert_true(strncmp(r.name, "serapis_", 8) == 0 && strspn(r.name, "abcdefghijklmnopqrstuvwxyz_") == strlen(r.name));
		assert_true(*r.help && !strchr(r.help, '\n') && !strchr(r.help, '\\'));
		bool total = strcmp(r.name + strlen(r.name) - 6, "_total") == 0;
		assert_int_equal(total, strcmp(r.kind, "counter") == 0);
		if (strcmp(r.kind, "histogram") == 0) assert_string_equal(r.name + strlen(r.name) - 8, "_seconds");
		for (size_t k = 0; r.labels[k]; k++)
			assert_true(
			        strspn(r.labels[k], "abcdefghijklmnopqrstuvwxyz") == strlen(r.labels[k]) && strcmp(r.labels[k], "le") != 0);
		for (size_t k = i + 1; sp_metric_row(k, &s); k++) assert_string_not_equal(r.name, s.name);
	}
}

static void too_few_labels(void *arg) { sp_metric_count(SP_M_ACCEPTED, "ruby"); }
static void another_kind(void *arg) { sp_metric_count(SP_M_WAITING, "bulk"); }

static void misuse_ends_the_program(void **state)
{
	char out[1024];

	assert_true(WIFSIGNALED(in_child(too_few_labels, NULL, out, sizeof(out))));
	assert_true(WIFSIGNALED(in_child(another_kind, NULL, out, sizeof(out))));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(nothing_counted_is_nothing_shown),
	        cmocka_unit_test(counters),
	        cmocka_unit_test(gauges),
	        cmocka_unit_test(histograms),
	        cmocka_unit_test(combinations_are_bounded),
	        cmocka_unit_test(threads_lose_nothing),
	        cmocka_unit_test(watches),
	        cmocka_unit_test(full_page_says_so),
	        cmocka_unit_test(table),
	        cmocka_unit_test(misuse_ends_the_program),
	};
	return cmocka_run_group_tests_name("base_metrics", tests, NULL, NULL);
}
