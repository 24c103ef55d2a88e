/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include "http/guards.h"

static const char *check(const char *version, struct sp_http_framing *out, const char *const *lines)
{
	struct sp_http_field f[16];
	size_t n = 0;

	for (; lines[n]; n++) {
		const char *colon = strchr(lines[n], ':');
		f[n] = (struct sp_http_field){
		        .name = lines[n], .name_len = (size_t)(colon - lines[n]), .value = colon + 1, .value_len = strlen(colon + 1)};
	}
	return sp_http_check_header(f, n, version, out);
}
#define CHECK(version, out, ...) check(version, out, (const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

static void reads_the_framing(void **state)
{
	struct sp_http_framing f;

	assert_null(CHECK("HTTP/1.1", &f, "Host:x"));
	assert_false(f.has_length || f.chunked || f.expect_continue);
	assert_null(CHECK("HTTP/1.1", &f, "Host:x", "content-length:42 \t", "eXpect:100-Continue"));
	assert_true(f.has_length && f.expect_continue && !f.chunked);
	assert_int_equal(f.length, 42);
	assert_null(CHECK("HTTP/1.1", &f, "Host:x", "Content-Length:999999999999999999"));
	assert_int_equal(f.length, 999999999999999999);
	assert_null(CHECK("HTTP/1.1", &f, "Host:x", "Content-Length:0"));
	assert_true(f.has_length);
	assert_null(CHECK("HTTP/1.1", &f, "Host:x", "Transfer-Encoding:CHUNKED "));
	assert_true(f.chunked && !f.has_length);
	assert_null(CHECK("HTTP/1.0", &f, "Expect:100-continue"));
	assert_false(f.expect_continue);
}

static void a_method_is_a_token(void **state)
{
	assert_null(sp_http_check_method("GET"));
	assert_null(sp_http_check_method("m-search!"));
	static const char *const wrong[] = {"", "GE\rT", "GET\t", "(GET)", "G\xc3\x89T"};
	for (size_t i = 0; i < SP_COUNT(wrong); i++)
		assert_string_equal(sp_http_check_method(wrong[i]), "the method has a character that is not allowed there");
}

static void accepts_hosts(void **state)
{
	struct sp_http_framing f;
	static const char *const hosts[] = {"Host:", "Host:localhost:80", "Host:[::1]:8080", "Host:a-b.c_d", "Host:xn--4ca.de"};

	for (size_t i = 0; i < SP_COUNT(hosts); i++) assert_null(check("HTTP/1.1", &f, (const char *const[]){hosts[i], NULL}));
	assert_null(CHECK("HTTP/1.0", &f));
}

static void refuses(void **state)
{
	static const struct {
		const char *version, *lines[4], *says;
	} cases[] = {
	        {"HTTP/1.1", {"Host:x", "Content-Length:1", "Content-Length:1"}, "more than once"},
	        {"HTTP/1.1", {"Host:x", "Content-Length:1", "CONTENT-LENGTH:2"}, "more than once"},
	        {"HTTP/1.1", {"Host:x", "Content-Length:"}, "not a number"},
	        {"HTTP/1.1", {"Host:x", "Content-Length:-1"}, "not a number"},
	        {"HTTP/1.1", {"Host:x", "Content-Length:+1"}, "not a number"},
	        {"HTTP/1.1", {"Host:x", "Content-Length:1,1"}, "not a number"},
	        {"HTTP/1.1", {"Host:x", "Content-Length:1 1"}, "not a number"},
	        {"HTTP/1.1", {"Host:x", "Content-Length:0x1"}, "not a number"},
	        {"HTTP/1.1", {"Host:x", "Content-Length:1000000000000000000"}, "not a number"},
	        {"HTTP/1.1", {"Host:x", "Content-Length:1", "Transfer-Encoding:chunked"}, "both"},
	        {"HTTP/1.1", {"Host:x", "Transfer-Encoding:chunked", "Transfer-Encoding:chunked"}, "more than once"},
	        {"HTTP/1.1", {"Host:x", "Transfer-Encoding:gzip, chunked"}, "chunked"},
	        {"HTTP/1.1", {"Host:x", "Transfer-Encoding:chunked, chunked"}, "chunked"},
	        {"HTTP/1.1", {"Host:x", "Transfer-Encoding:"}, "chunked"},
	        {"HTTP/1.0", {"Transfer-Encoding:chunked"}, "HTTP/1.0"},
	        {"HTTP/1.1", {NULL}, "Host is missing"},
	        {"HTTP/1.1", {"Host:x", "host:x"}, "Host is there more than once"},
	        {"HTTP/1.0", {"Host:x", "host:x"}, "Host is there more than once"},
	        {"HTTP/1.1", {"Host:a b"}, "Host is not"},
	        {"HTTP/1.1", {"Host:a,b"}, "Host is not"},
	        {"HTTP/1.1", {"Host:a@b"}, "Host is not"},
	        {"HTTP/1.1", {"Host:a/b"}, "Host is not"},
	        {"HTTP/1.1", {"Host:\xc3\xa4"}, "Host is not"},
	        {"HTTP/1.1", {"Host:x", ":1"}, "no name"},
	        {"HTTP/1.1", {"Host:x", "Content-Length :1"}, "name of a header field"},
	        {"HTTP/1.1", {"Host:x", "A(b):1"}, "name of a header field"},
	        {"HTTP/1.1", {"Host:x", "A:\x01"}, "control character"},
	        {"HTTP/1.1", {"Host:x", "A:1\r2"}, "control character"},
	        {"HTTP/1.1", {"Host:x", "A:\x7f"}, "control character"},
	        {"HTTP/1.2", {"Host:x"}, "version"},
	        {"HTTP/2.0", {"Host:x"}, "version"},
	        {"", {"Host:x"}, "version"},
	};
	for (size_t i = 0; i < SP_COUNT(cases); i++) {
		struct sp_http_framing f;
		const char *says = check(cases[i].version, &f, cases[i].lines);
		if (!says || !strstr(says, cases[i].says))
			fail_msg("case %zu: %s, not \"…%s…\"", i, says ? says : "accepted", cases[i].says);
	}
}

static void refuses_a_nul_that_is_in_a_value(void **state)
{
	struct sp_http_field f = {.name = "Host", .name_len = 4, .value = "x\0y", .value_len = 3};
	struct sp_http_framing out;
	assert_non_null(sp_http_check_header(&f, 1, "HTTP/1.1", &out));
}

/* A header as the library leaves it: NULs over the separators. | is one. fields are found by their text. */
static const char *layout(const char *picture, size_t nfields, const char *const *names, const char *const *values)
{
	char m[256];
	size_t n = strlen(picture);
	struct sp_http_field f[8];

	for (size_t i = 0; i <= n; i++) m[i] = picture[i] == '|' ? '\0' : picture[i];
	const char *uri = m + strlen(m) + 1;
	const char *version = strstr(picture, "HTTP/") - picture + m;
	for (size_t i = 0; i < nfields; i++) {
		f[i].name = strstr(picture, names[i]) - picture + m;
		f[i].name_len = strlen(names[i]);
		f[i].value = strstr(picture, values[i]) - picture + m;
		f[i].value_len = strlen(values[i]);
	}
	return sp_http_check_layout(m, n, uri, strcspn(picture + (uri - m), "|"), version, f, nfields);
}
#define NAMES(...) \
	(const char *const[]) { __VA_ARGS__ }

static void sees_what_the_library_has_hidden(void **state)
{
	assert_null(layout("GET|/e|HTTP/1.1||Host| x||||", 1, NAMES("Host"), NAMES("x")));
	assert_null(layout("GET|/e|HTTP/1.1|Host| x||", 1, NAMES("Host"), NAMES("x"))); /* LF alone */
	assert_null(layout("GET|/e|HTTP/1.1||Host|x||A| \t 1 2  ||||", 2, NAMES("Host", "A"), NAMES("x", "1 2  ")));
	assert_null(layout("GET|/e|HTTP/1.1||Host|  ||A|one||||", 2, NAMES("Host", "A"), NAMES("", "one")));
	assert_null(layout("GET|/e|HTTP/1.1||\r\n", 0, NULL, NULL));

	assert_non_null(layout("GET|/e|HTTP/1.1||Host| x|y||||", 1, NAMES("Host"), NAMES("x"))); /* a NUL in the last value */
	assert_non_null(layout("GET|/e|HTTP/1.1||Host| x|y||A| one||||", 2, NAMES("Host", "A"), NAMES("x", "one")));
	assert_non_null(layout(
	        "GET|/e|HTTP/1.1||Host| x|||A| one||||", 2, NAMES("Host", "A"), NAMES("x", "one"))); /* a NUL at the end of a value */
	assert_non_null(layout("GET|/e|HTTP/1.1||Host| x|||||", 1, NAMES("Host"), NAMES("x")));
	assert_non_null(layout("GET|/e||HTTP/1.1||Host| x||||", 1, NAMES("Host"), NAMES("x"))); /* a NUL or blank after the target */
	assert_non_null(layout("GET|/e|/f|HTTP/1.1||Host| x||||", 1, NAMES("Host"), NAMES("x")));
	assert_non_null(layout("GET|/e|HTTP/1.1||B| one||Host| x||||", 1, NAMES("Host"), NAMES("x"))); /* a field that is not shown */
}

static void a_folded_line_is_a_copy_elsewhere(void **state)
{
	static const char m[] = "GET\0/e\0HTTP/1.1\0\0A\0 1\0\0 2\0\0\0";
	struct sp_http_field f = {.name = "A", .name_len = 1, .value = "12", .value_len = 2};
	assert_non_null(sp_http_check_layout(m, sizeof(m) - 1, m + 4, 2, m + 7, &f, 1));
}

static void knows_which_library_needs_it(void **state)
{
	assert_true(sp_http_layout_needed("0.9.75"));
	assert_true(sp_http_layout_needed("0.9.76"));
	assert_false(sp_http_layout_needed("0.9.77"));
	assert_false(sp_http_layout_needed("1.0.1"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(reads_the_framing),
	        cmocka_unit_test(a_method_is_a_token),
	        cmocka_unit_test(accepts_hosts),
	        cmocka_unit_test(refuses),
	        cmocka_unit_test(refuses_a_nul_that_is_in_a_value),
	        cmocka_unit_test(sees_what_the_library_has_hidden),
	        cmocka_unit_test(a_folded_line_is_a_copy_elsewhere),
	        cmocka_unit_test(knows_which_library_needs_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
