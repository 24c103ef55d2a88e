/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "api/open_mode.h"

static struct sockaddr_storage address(const char *text)
{
	struct sockaddr_storage s = {0};
	struct sockaddr_in *four = (void *)&s;
	struct sockaddr_in6 *six = (void *)&s;

	if (inet_pton(AF_INET, text, &four->sin_addr) == 1) {
		s.ss_family = AF_INET;
	} else {
		assert_int_equal(inet_pton(AF_INET6, text, &six->sin6_addr), 1);
		s.ss_family = AF_INET6;
	}
	return s;
}

static bool allows(const char *peer, const char *host, const char *origin, const char *forwarding, char why[200])
{
	struct sockaddr_storage s = address(peer);
	struct sp_open_mode_request q = {.peer = (struct sockaddr *)&s, .host = host, .origin = origin, .forwarding = forwarding};
	return sp_open_mode_allows(&q, why, 200);
}

static void lets_this_machine_in(void **state)
{
	static const char *const peers[] = {"127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"}, *const hosts[] = {"localhost",
	                                                                                                  "LocalHost:8080", "127.0.0.1:1",
	                                                                                                  "[::1]", "[::1]:65535"};
	char why[200];

	for (size_t p = 0; p < SP_COUNT(peers); p++)
		for (size_t h = 0; h < SP_COUNT(hosts); h++) assert_true(allows(peers[p], hosts[h], NULL, NULL, why));
	assert_true(allows("::1", "localhost:80", "http://localhost:80", NULL, why));
	assert_true(allows("::1", "localhost", "HTTP://LOCALHOST", NULL, why));
}

static void keeps_others_out(void **state)
{
	static const struct {
		const char *peer, *host, *origin, *forwarding, *says;
	} cases[] = {
	        {"10.0.0.1", "localhost", NULL, NULL, "another machine"},
	        {"128.0.0.1", "localhost", NULL, NULL, "another machine"},
	        {"::2", "localhost", NULL, NULL, "another machine"},
	        {"::ffff:10.0.0.1", "localhost", NULL, NULL, "another machine"},
	        {"::127.0.0.1", "localhost", NULL, NULL, "another machine"},
	        {"127.0.0.1", NULL, NULL, NULL, "no Host"},
	        {"127.0.0.1", "", NULL, NULL, "its Host is ''"},
	        {"127.0.0.1", "localhost.", NULL, NULL, "its Host is 'localhost.'"},
	        {"127.0.0.1", "localhostx", NULL, NULL, "its Host is"},
	        {"127.0.0.1", "x.localhost", NULL, NULL, "its Host is"},
	        {"127.0.0.1", "localhost:", NULL, NULL, "its Host is"},
	        {"127.0.0.1", "localhost:8a", NULL, NULL, "its Host is"},
	        {"127.0.0.1", "127.0.0.10", NULL, NULL, "its Host is"},
	        {"127.0.0.1", "::1", NULL, NULL, "its Host is"},
	        {"127.0.0.1", "localhost", NULL, "X-Forwarded-For", "X-Forwarded-For"},
	        {"127.0.0.1", "localhost", "null", NULL, "its Origin 'null'"},
	        {"127.0.0.1", "localhost", "http://evil", NULL, "its Origin"},
	        {"127.0.0.1", "localhost", "https://localhost", NULL, "its Origin"},
	        {"127.0.0.1", "localhost:1", "http://localhost:2", NULL, "its Origin"},
	        {"127.0.0.1", "localhost:1", "http://localhost", NULL, "its Origin"},
	        {"127.0.0.1", "localhost", "http://localhost.evil", NULL, "its Origin"},
	        {"127.0.0.1", "localhost", "", NULL, "its Origin"},
	};
	for (size_t i = 0; i < SP_COUNT(cases); i++) {
		char why[200] = "";
		if (allows(cases[i].peer, cases[i].host, cases[i].origin, cases[i].forwarding, why) || !strstr(why, cases[i].says))
			fail_msg("case %zu says '%s', not '…%s…'", i, why, cases[i].says);
	}
}

static void knows_headers_of_proxies(void **state)
{
	assert_true(sp_open_mode_forwarding("forwarded"));
	assert_true(sp_open_mode_forwarding("VIA"));
	assert_true(sp_open_mode_forwarding("X-Forwarded-For"));
	assert_true(sp_open_mode_forwarding("x-forwarded-anything"));
	assert_true(sp_open_mode_forwarding("X-Real-Ip"));
	assert_false(sp_open_mode_forwarding("X-Forward"));
	assert_false(sp_open_mode_forwarding("Forwarded-For"));
	assert_false(sp_open_mode_forwarding("Viator"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(lets_this_machine_in),
	        cmocka_unit_test(keeps_others_out),
	        cmocka_unit_test(knows_headers_of_proxies),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
