/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <signal.h>

#include "base/buf.h"

static void starts_empty(void **state)
{
	struct sp_buf b;
	size_t n = 9;

	sp_buf_init(&b, 10);
	assert_null(b.data);
	assert_int_equal(b.len, 0);
	assert_false(b.failed);
	sp_autofree char *s = sp_buf_steal(&b, &n);
	assert_string_equal(s, "");
	assert_int_equal(n, 0);
	sp_buf_fini(&b);
}

static void is_terminated_after_any_add(void **state)
{
	struct sp_buf b;

	sp_buf_init(&b, 10);
	assert_int_equal(sp_buf_add(&b, NULL, 0), 0);
	assert_non_null(b.data);
	assert_string_equal(b.data, "");
	sp_buf_fini(&b);
	assert_null(b.data);

	sp_buf_init(&b, 10);
	assert_int_equal(sp_buf_adds(&b, ""), 0);
	assert_string_equal(b.data, "");
	assert_int_equal(sp_buf_add(&b, "a\0b", 3), 0);
	assert_int_equal(b.len, 3);
	assert_memory_equal(b.data, "a\0b\0", 4);
	sp_buf_fini(&b);
}

static void grows_to_the_ceiling_and_no_further(void **state)
{
	for (size_t max = 1; max < 600; max += 7) {
		struct sp_buf b;
		sp_buf_init(&b, max);
		for (size_t i = 0; i < max; i++) {
			char c = (char)('a' + i % 26);
			assert_int_equal(sp_buf_add(&b, &c, 1), 0);
		}
		assert_int_equal(b.len, max);
		assert_false(b.failed);
		assert_int_equal(sp_buf_add(&b, "", 0), 0);
		assert_int_equal(sp_buf_adds(&b, "x"), -1);
		assert_true(b.failed);
		assert_int_equal(b.len, max);
		for (size_t i = 0; i < max; i++) assert_int_equal(b.data[i], 'a' + i % 26);
		assert_int_equal(b.data[max], '\0');
		sp_buf_fini(&b);
	}
}

static void failure_stays(void **state)
{
	struct sp_buf b;

	sp_buf_init(&b, 4);
	assert_int_equal(sp_buf_adds(&b, "abc"), 0);
	assert_int_equal(sp_buf_adds(&b, "de"), -1);
	/* There would be room for this one, but then the content had a hole. */
	assert_int_equal(sp_buf_adds(&b, "d"), -1);
	assert_int_equal(sp_buf_printf(&b, "d"), -1);
	assert_null(sp_buf_reserve(&b, 0));
	assert_true(b.failed);
	assert_string_equal(b.data, "abc");
	sp_buf_fini(&b);
	sp_buf_init(&b, 4);
	assert_false(b.failed);
	assert_int_equal(sp_buf_adds(&b, "abcd"), 0);
	sp_buf_fini(&b);
}

static void sizes_do_not_overflow(void **state)
{
	struct sp_buf b;

	sp_buf_init(&b, SIZE_MAX);
	assert_int_equal(sp_buf_adds(&b, "abc"), 0);
	assert_null(sp_buf_reserve(&b, SIZE_MAX));
	assert_true(b.failed);
	assert_string_equal(b.data, "abc");
	sp_buf_fini(&b);
	sp_buf_init(&b, SIZE_MAX);
	assert_int_equal(sp_buf_adds(&b, "abc"), 0);
	assert_null(sp_buf_reserve(&b, SIZE_MAX - 3));
	sp_buf_fini(&b);
}

static void prints(void **state)
{
	struct sp_buf b;

	sp_buf_init(&b, 1000);
	assert_int_equal(sp_buf_printf(&b, "%s=%d;", "a", 1), 0);
	assert_int_equal(sp_buf_printf(&b, "%0500d", 7), 0); /* past the first allocation */
	assert_int_equal(b.len, 504);
	assert_memory_equal(b.data, "a=1;000", 7);
	assert_string_equal(b.data + 500, "0007");
	/* What does not fit leaves nothing behind. */
	assert_int_equal(sp_buf_printf(&b, "%0497d", 7), -1);
	assert_true(b.failed);
	assert_int_equal(b.len, 504);
	assert_int_equal(strlen(b.data), 504);
	sp_buf_fini(&b);

	sp_buf_init(&b, 5);
	assert_int_equal(sp_buf_printf(&b, "%s", "12345"), 0);
	assert_string_equal(b.data, "12345");
	assert_int_equal(sp_buf_printf(&b, "%s", ""), 0);
	assert_int_equal(sp_buf_printf(&b, "%s", "6"), -1);
	assert_string_equal(b.data, "12345");
	sp_buf_fini(&b);
}

static void reserve_and_commit(void **state)
{
	struct sp_buf b;

	sp_buf_init(&b, 300);
	char *p = sp_buf_reserve(&b, 300);
	assert_non_null(p);
	assert_int_equal(b.len, 0);
	memset(p, 'x', 300);
	sp_buf_commit(&b, 200);
	assert_int_equal(b.len, 200);
	assert_int_equal(strlen(b.data), 200);
	p = sp_buf_reserve(&b, 100);
	assert_ptr_equal(p, b.data + 200);
	memset(p, 'y', 100);
	sp_buf_commit(&b, 100);
	assert_int_equal(strlen(b.data), 300);
	sp_buf_fini(&b);
}

static void commit_too_much(void *arg)
{
	struct sp_buf b;
	sp_buf_init(&b, 10);
	if (sp_buf_reserve(&b, 10)) sp_buf_commit(&b, 11);
}

static void commit_beyond_the_room_is_a_bug(void **state)
{
	char out[256];
	int status = in_child(commit_too_much, NULL, out, sizeof(out));

	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	assert_contains(out, "bug at");
}

static void steal_hands_over(void **state)
{
	struct sp_buf b;
	size_t n;

	sp_buf_init(&b, 10);
	assert_int_equal(sp_buf_adds(&b, "abc"), 0);
	sp_autofree char *first = sp_buf_steal(&b, &n);
	assert_int_equal(n, 3);
	assert_string_equal(first, "abc");
	assert_null(b.data);
	assert_int_equal(b.len, 0);
	assert_int_equal(sp_buf_adds(&b, "0123456789"), 0);
	sp_autofree char *second = sp_buf_steal(&b, NULL);
	assert_string_equal(second, "0123456789");
	sp_buf_fini(&b);
	sp_buf_fini(&b); /* twice is harmless */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(starts_empty),
	        cmocka_unit_test(is_terminated_after_any_add),
	        cmocka_unit_test(grows_to_the_ceiling_and_no_further),
	        cmocka_unit_test(failure_stays),
	        cmocka_unit_test(sizes_do_not_overflow),
	        cmocka_unit_test(prints),
	        cmocka_unit_test(reserve_and_commit),
	        cmocka_unit_test(commit_beyond_the_room_is_a_bug),
	        cmocka_unit_test(steal_hands_over),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
