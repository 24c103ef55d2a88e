/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include "http/route.h"

static void nothing(struct sp_http_request *r, void *cls) {}

static const struct sp_http_route routes[] = {
        {"GET", "/", 0, nothing, NULL},
        {"POST", "/v1/eval/{language}", 1, nothing, NULL},
        {"GET", "/v1/evaluations/{id}", 0, nothing, NULL},
        {"DELETE", "/v1/evaluations/{id}", 0, nothing, NULL},
        {"GET", "/v1/evaluations/{id}/{stream}", 0, nothing, NULL},
};

static enum sp_http_match find(
        const char *method, const char *path, const struct sp_http_route **route, struct sp_http_params *params, char allowed[128])
{
	*route = NULL;
	*params = (struct sp_http_params){0};
	return sp_http_route_find(routes, SP_COUNT(routes), method, path, route, params, allowed);
}

static void finds_the_route_and_its_parameters(void **state)
{
	static const struct {
		const char *method, *path;
		int route;
		const char *first, *second;
	} cases[] = {
	        {"GET", "/", 0, NULL, NULL},
	        {"HEAD", "/", 0, NULL, NULL},
	        {"POST", "/v1/eval/ruby", 1, "ruby", NULL},
	        {"POST", "/v1/eval/c%2B%2b", 1, "c++", NULL},
	        {"POST", "/v1/eval/a%2Fb", 1, "a/b", NULL},
	        {"POST", "/v1/eval/a+b", 1, "a+b", NULL},
	        {"GET", "/v1/evaluations/1", 2, "1", NULL},
	        {"HEAD", "/v1/evaluations/1", 2, "1", NULL},
	        {"DELETE", "/v1/evaluations/1", 3, "1", NULL},
	        {"GET", "/v1/evaluations/1/stdout", 4, "1", "stdout"},
	};
	for (size_t i = 0; i < SP_COUNT(cases); i++) {
		const struct sp_http_route *r;
		struct sp_http_params p;
		char allowed[128];
		assert_int_equal(find(cases[i].method, cases[i].path, &r, &p, allowed), SP_HTTP_MATCH);
		assert_ptr_equal(r, &routes[cases[i].route]);
		assert_int_equal(p.n, cases[i].second ? 2 : cases[i].first ? 1 : 0);
		if (cases[i].first) assert_string_equal(p.list[0].value, cases[i].first);
		if (cases[i].second) assert_string_equal(p.list[1].value, cases[i].second);
		if (cases[i].second) assert_string_equal(p.list[1].name, "stream");
		sp_http_params_fini(&p);
	}
}

static void says_what_does_not_fit(void **state)
{
	static const struct {
		const char *method, *path;
		enum sp_http_match match;
		const char *allowed;
	} cases[] = {
	        {"GET", "/v1", SP_HTTP_NO_PATH, ""},
	        {"GET", "", SP_HTTP_NO_PATH, ""},
	        {"GET", "//", SP_HTTP_NO_PATH, ""},
	        {"GET", "*", SP_HTTP_NO_PATH, ""},
	        {"POST", "/v1/eval/", SP_HTTP_NO_PATH, ""},
	        {"POST", "/v1/eval", SP_HTTP_NO_PATH, ""},
	        {"POST", "/v1/eval/a/", SP_HTTP_NO_PATH, ""},
	        {"POST", "/v1/eval/a/b", SP_HTTP_NO_PATH, ""},
	        {"GET", "/v1/evaluations/1/", SP_HTTP_NO_PATH, ""},
	        {"GET", "/v1/eval/ruby", SP_HTTP_NO_METHOD, "POST"},
	        {"HEAD", "/v1/eval/ruby", SP_HTTP_NO_METHOD, "POST"},
	        {"get", "/", SP_HTTP_NO_METHOD, "GET, HEAD"},
	        {"PUT", "/v1/evaluations/1", SP_HTTP_NO_METHOD, "GET, HEAD, DELETE"},
	        {"POST", "/v1/eval/%", SP_HTTP_BAD_ESCAPE, ""},
	        {"POST", "/v1/eval/%4", SP_HTTP_BAD_ESCAPE, ""},
	        {"POST", "/v1/eval/%4x", SP_HTTP_BAD_ESCAPE, ""},
	        {"POST", "/v1/eval/a%00b", SP_HTTP_BAD_ESCAPE, ""},
	};
	for (size_t i = 0; i < SP_COUNT(cases); i++) {
		const struct sp_http_route *r;
		struct sp_http_params p;
		char allowed[128];
		assert_int_equal(find(cases[i].method, cases[i].path, &r, &p, allowed), cases[i].match);
		assert_string_equal(allowed, cases[i].allowed);
		sp_http_params_fini(&p);
	}
}

static void takes_targets_apart(void **state)
{
	static const struct {
		const char *raw, *path, *pairs;
	} cases[] = {
	        {"/", "/", ""},
	        {"*", "*", ""},
	        {"/a%20b?", "/a%20b", ""},
	        {"/a?b=c", "/a", "b=c;"},
	        {"/a?b", "/a", "b=;"},
	        {"/a?&&b=c&&", "/a", "b=c;"},
	        {"/a?b=c=d&e=%3D%26", "/a", "b=c=d;e==&;"},
	        {"/a?b+c=d+%2B", "/a", "b c=d +;"},
	        {"/a?b=/?c", "/a", "b=/?c;"},
	        {"http://host/a?b=c", "/a", "b=c;"},
	        {"HTTPS://host:1/a", "/a", ""},
	};
	for (size_t i = 0; i < SP_COUNT(cases); i++) {
		struct sp_http_target t;
		char pairs[256] = "";
		assert_null(sp_http_target_parse(&t, cases[i].raw));
		assert_string_equal(t.path, cases[i].path);
		for (size_t q = 0; q < t.nquery; q++) sprintf(pairs + strlen(pairs), "%s=%s;", t.query[q].name, t.query[q].value);
		assert_string_equal(pairs, cases[i].pairs);
		sp_http_target_fini(&t);
	}
}

static void refuses_broken_targets(void **state)
{
	static const char *const cases[] = {"", "a", "a/b", "/a b", "/a\x01", "/a\x7f", "/\xc3\xa4", "/a#b", "/a?b=%", "/a?b=%g0",
	        "/a?%00=b", "http://host", "http://host?x", "ftp://host/", "**"};
	for (size_t i = 0; i < SP_COUNT(cases); i++) {
		struct sp_http_target t;
		assert_non_null(sp_http_target_parse(&t, cases[i]));
		sp_http_target_fini(&t);
	}
}

/* The path of a wrong target is logged as that of a good one: without query, host and what stands before it. */
static void path_of_a_broken_target_has_no_secrets(void **state)
{
	static const struct {
		const char *raw, *path;
	} cases[] = {
	        {"/a?key=secret\xe9", "/a"},
	        {"/a?key=secret#b", "/a"},
	        {"/a#secret?b", "/a"},
	        {"/a?key=secret&b=%", "/a"},
	        {"http://user:secret@host?key=secret", ""},
	        {"http://user:secret@host/a?b=\x01", "/a"},
	        {"a?key=secret", "a"},
	};
	for (size_t i = 0; i < SP_COUNT(cases); i++) {
		struct sp_http_target t;
		assert_non_null(sp_http_target_parse(&t, cases[i].raw));
		assert_string_equal(t.path, cases[i].path);
		sp_http_target_fini(&t);
	}
}

static void bounds_the_number_of_parameters(void **state)
{
	char raw[1024] = "/?";
	struct sp_http_target t;

	for (int i = 0; i < SP_HTTP_QUERY_MAX; i++) strcat(raw, "a=1&");
	assert_null(sp_http_target_parse(&t, raw));
	assert_int_equal(t.nquery, SP_HTTP_QUERY_MAX);
	sp_http_target_fini(&t);
	strcat(raw, "b=1");
	assert_non_null(sp_http_target_parse(&t, raw));
	sp_http_target_fini(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(finds_the_route_and_its_parameters),
	        cmocka_unit_test(says_what_does_not_fit),
	        cmocka_unit_test(takes_targets_apart),
	        cmocka_unit_test(refuses_broken_targets),
	        cmocka_unit_test(path_of_a_broken_target_has_no_secrets),
	        cmocka_unit_test(bounds_the_number_of_parameters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
