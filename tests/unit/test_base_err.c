/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <errno.h>
#include <signal.h>

#include "base/err.h"
#include "base/text.h"

static void fills_all_fields(void **state)
{
	struct sp_err err = {0};

	assert_int_equal(sp_fail(&err, SP_E_IO, ENOENT, "open %s", "/x"), -1);
	assert_int_equal(err.code, SP_E_IO);
	assert_int_equal(err.errnum, ENOENT);
	assert_false(err.retryable);
	assert_string_equal(err.msg, "open /x: No such file or directory");

	sp_fail(&err, SP_E_INVALID, 0, "plain");
	assert_string_equal(err.msg, "plain");
	assert_int_equal(err.errnum, 0);
}

static void retryable_follows_the_code(void **state)
{
	for (int c = SP_E_INVALID; c < SP_E_COUNT_; c++) {
		struct sp_err err;
		sp_fail(&err, (enum sp_code)c, 0, "x");
		assert_int_equal(err.retryable, c == SP_E_UNAVAILABLE || c == SP_E_TIMEOUT);
	}
}

static void null_is_allowed(void **state)
{
	assert_int_equal(sp_fail(NULL, SP_E_IO, EIO, "x %d", 1), -1);
	assert_int_equal(sp_wrap(NULL, "x %d", 1), -1);
}

static void wrap_puts_context_in_front(void **state)
{
	struct sp_err err;

	sp_fail(&err, SP_E_TIMEOUT, EAGAIN, "read");
	assert_int_equal(sp_wrap(&err, "load language %s", "ruby"), -1);
	assert_int_equal(err.code, SP_E_TIMEOUT);
	assert_int_equal(err.errnum, EAGAIN);
	assert_true(err.retryable);
	assert_string_equal(err.msg, "load language ruby: read: Resource temporarily unavailable");
}

static void wrap_of_nothing_is_a_bug_not_a_success(void **state)
{
	struct sp_err err = {0};

	sp_wrap(&err, "x");
	assert_int_equal(err.code, SP_E_INTERNAL);
}

static void message_may_be_its_own_argument(void **state)
{
	struct sp_err err;

	sp_fail(&err, SP_E_IO, 0, "first");
	sp_fail(&err, SP_E_LIMIT, 0, "second after %s", err.msg);
	assert_string_equal(err.msg, "second after first");
	sp_wrap(&err, "again %s", err.msg);
	assert_string_equal(err.msg, "again second after first: second after first");
}

static void long_messages_are_cut_at_a_character(void **state)
{
	struct sp_err err;
	char longer[800];

	/* "é" is two bytes: the buffer's end falls into one. */
	longer[0] = 'x';
	for (size_t i = 1; i + 1 < sizeof(longer); i += 2) memcpy(longer + i, "\xc3\xa9", 2);
	longer[sizeof(longer) - 1] = '\0';
	assert_true(sp_utf8_valid(longer, strlen(longer)));
	for (int skip = 0; skip < 2; skip++) {
		sp_fail(&err, SP_E_IO, EIO, "%s", longer + skip);
		assert_in_range(strlen(err.msg), 400, sizeof(err.msg) - 1);
		assert_true(sp_utf8_valid(err.msg, strlen(err.msg)));
		sp_wrap(&err, "%s", "context");
		assert_true(sp_utf8_valid(err.msg, strlen(err.msg)));
		assert_memory_equal(err.msg, "context: ", 9);
	}
}

static void messages_are_always_utf8(void **state)
{
	struct sp_err err;

	sp_fail(&err, SP_E_IO, 0, "open %s",
	        "/a\xff"
	        "b\xe2\x82"
	        "c\xe2\x82\xac");
	assert_string_equal(err.msg, "open /a?b?c\xe2\x82\xac");
}

static void every_code_has_a_name_of_its_own(void **state)
{
	for (int c = 0; c < SP_E_COUNT_; c++) {
		const char *name = sp_code_name((enum sp_code)c);
		assert_non_null(name);
		assert_true(strlen(name) > 0);
		assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz_"), strlen(name));
		assert_string_not_equal(name, "unknown");
		for (int d = 0; d < c; d++) assert_string_not_equal(name, sp_code_name((enum sp_code)d));
	}
	assert_string_equal(sp_code_name(SP_E_NOT_FOUND), "not_found");
	assert_string_equal(sp_code_name(SP_E_COUNT_), "unknown");
	assert_string_equal(sp_code_name((enum sp_code) - 1), "unknown");
}

static void break_invariant(void *arg)
{
	int one = *(int *)arg;
	SP_BUG_ON(one == 2);
	SP_BUG_ON(one == 1);
}

static void bug_names_the_place_and_aborts(void **state)
{
	char out[256];
	int one = 1;
	int status = in_child(break_invariant, &one, out, sizeof(out));

	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	assert_contains(out, "test_base_err.c:");
	assert_contains(out, "one == 1\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(fills_all_fields),
	        cmocka_unit_test(retryable_follows_the_code),
	        cmocka_unit_test(null_is_allowed),
	        cmocka_unit_test(wrap_puts_context_in_front),
	        cmocka_unit_test(wrap_of_nothing_is_a_bug_not_a_success),
	        cmocka_unit_test(message_may_be_its_own_argument),
	        cmocka_unit_test(long_messages_are_cut_at_a_character),
	        cmocka_unit_test(messages_are_always_utf8),
	        cmocka_unit_test(every_code_has_a_name_of_its_own),
	        cmocka_unit_test(bug_names_the_place_and_aborts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
