/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <signal.h>

#include "base/mem.h"

/* Under a sanitizer malloc() of an absurd size is to answer NULL, as it does without. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "allocator_may_return_null=1"; }
const char *__tsan_default_options(void);
const char *__tsan_default_options(void) { return "allocator_may_return_null=1"; }

/* Volatile, or the compiler sees the absurd size and warns. */
static volatile size_t absurd = SIZE_MAX / 4;
static volatile size_t most = SIZE_MAX;

static void calloc_zeroes(void **state)
{
	unsigned char *p = sp_calloc(10, 100);

	for (int i = 0; i < 1000; i++) assert_int_equal(p[i], 0);
	free(p);
	struct point {
		long x, y;
	} *q = sp_new(struct point);
	assert_int_equal(q->x | q->y, 0);
	free(q);
}

static void nothing_is_not_null(void **state)
{
	void *p = sp_calloc(0, 8), *q = sp_calloc(8, 0), *r = sp_try_alloc(0), *s = sp_realloc(NULL, 0, 1);

	assert_non_null(p);
	assert_non_null(q);
	assert_non_null(r);
	assert_non_null(s);
	s = sp_realloc(s, 4, 0);
	assert_non_null(s);
	free(p);
	free(q);
	free(r);
	free(s);
}

static void realloc_keeps_content(void **state)
{
	int *p = sp_realloc(NULL, 4, sizeof(int));

	for (int i = 0; i < 4; i++) p[i] = i;
	p = sp_realloc(p, 4000, sizeof(int));
	for (int i = 0; i < 4; i++) assert_int_equal(p[i], i);
	p[3999] = 1;
	free(p);
}

static void copies(void **state)
{
	sp_autofree char *a = sp_strdup("text"), *b = sp_memdup0("a\0b", 3), *c = sp_memdup0(NULL, 0), *d = sp_asprintf("%d-%s", 7, "x");

	assert_string_equal(a, "text");
	assert_null(sp_strdup(NULL));
	assert_memory_equal(b, "a\0b\0", 4);
	assert_string_equal(c, "");
	assert_string_equal(d, "7-x");
}

static void try_alloc_may_fail(void **state)
{
	assert_null(sp_try_alloc(absurd));
	sp_autofree char *p = sp_try_alloc(10);
	assert_non_null(p);
	memset(p, 1, 10);
}

static void steal_empties_the_owner(void **state)
{
	char *p = sp_strdup("x"), *old = p;
	char *taken = sp_steal(&p);
	int fd = 5;

	assert_null(p);
	assert_ptr_equal(taken, old);
	free(taken);
	assert_int_equal(sp_steal_fd(&fd), 5);
	assert_int_equal(fd, -1);
}

static void do_calloc_overflow(void *arg) { free(sp_calloc(absurd, 8)); }
static void do_calloc_huge(void *arg) { free(sp_calloc(1, absurd)); }
static void do_realloc_overflow(void *arg) { free(sp_realloc(NULL, absurd, 8)); }
static void do_realloc_huge(void *arg) { free(sp_realloc(NULL, absurd, 1)); }
static void do_memdup_all(void *arg) { free(sp_memdup0("", most)); }

static void sizes_of_ours_abort(void **state)
{
	static void (*const fns[])(void *) = {do_calloc_overflow, do_calloc_huge, do_realloc_overflow, do_realloc_huge, do_memdup_all};

	for (size_t i = 0; i < SP_COUNT(fns); i++) {
		char out[4096];
		int status = in_child(fns[i], NULL, out, sizeof(out));
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
		assert_contains(out, "serapis: out of memory\n");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(calloc_zeroes),
	        cmocka_unit_test(nothing_is_not_null),
	        cmocka_unit_test(realloc_keeps_content),
	        cmocka_unit_test(copies),
	        cmocka_unit_test(try_alloc_may_fail),
	        cmocka_unit_test(steal_empties_the_owner),
	        cmocka_unit_test(sizes_of_ours_abort),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
