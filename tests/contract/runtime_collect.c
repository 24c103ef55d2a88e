/* SPDX-License-Identifier: MIT */
/* The runtime's contract, about collecting files: what is given, what is told of, what is refused, and how it is stopped. */
#include "runtime_contract.h"

#include <pthread.h>
#include <sys/stat.h>

#include "collect_kit.h"

/* Begins an evaluation whose first step is a script. */
static struct kit begin(const char *script)
{
	struct kit k = kit_new(R, 0);

	kit_begin(&k);
	kit_run(&k, "/bin/sh", "-c", script);
	assert_exit(&k, 0);
	return k;
}

static void files_are_given(void **state)
{
	struct kit k = begin("rm probe; mkdir -p out/d; printf one > out/1; printf '#!x' > out/d/tool; chmod 755 out/d/tool; : > empty; "
	                     "printf no > other");
	struct kit_collect c = kit_collect(&k, "out/**", "empty", "nothing/here");

	assert_string_equal(c.log, "empty 0 =\nout/1 3 =one\nout/d/tool x3 =#!x\n");
	assert_true(c.res.complete);
	assert_int_equal(c.res.killed_by, SP_KILLED_NOT);
	assert_int_equal(c.res.more, 0);
	assert_int_equal(c.res.files, 3);
	assert_int_equal(c.res.missing, 0);
	assert_int_equal(c.res.bytes, 6);
	assert_true(c.res.wall_ns > 0);

	/* as often as one likes, and it changes nothing */
	c = kit_collect(&k, "*");
	assert_string_equal(c.log, "empty 0 =\nother 2 =no\n");
	kit_run(&k, "/bin/sh", "-c", "[ -x out/d/tool ] && printf two > out/2");
	assert_exit(&k, 0);
	c = kit_collect(&k, "out/?");
	assert_string_equal(c.log, "out/1 3 =one\nout/2 3 =two\n");
	kit_end(&k);
}

static void what_is_not_given_is_told(void **state)
{
	struct kit k = begin("rm probe; printf 12345 > a; printf 123456789 > b; printf 1 > c; ln -s a link; mkfifo pipe; mkdir -p d/e; "
	                     "printf x > d/e/f");
	struct sp_collect ask = kit_ask;

	ask.file_bytes_max = 8;
	ask.total_bytes_max = 5;
	ask.depth_max = 2;
	struct kit_collect c = kit_collect_as(&k, &ask, "**");
	assert_string_equal(c.log, "a 5 =12345\nb 9 !1\nc 1 !2\nd/e 0 !6\nlink 0 !3\npipe 0 !4\n");
	assert_true(c.res.complete);
	assert_int_equal(c.res.more, SP_MORE_TOTAL | SP_MORE_DEEP);
	assert_int_equal(c.res.files, 1);
	assert_int_equal(c.res.missing, 5);
	ask = kit_ask;
	ask.files_max = 2;
	c = kit_collect_as(&k, &ask, "**");
	assert_string_equal(c.log, "a 5 =12345\nb 9 =123456789\n");
	assert_int_equal(c.res.more, SP_MORE_FILES);
	c = kit_collect(&k, "link", "link/a", "pipe");
	assert_string_equal(c.log, "link 0 !3\npipe 0 !4\n");
	kit_end(&k);
}

static void what_is_closed_is_told(void **state)
{
	struct kit k = begin("rm probe; printf x > f; chmod 000 f; mkdir d; printf y > d/f; chmod 000 d; printf z > z");
	struct kit_collect c = kit_collect(&k, "**");

	assert_string_equal(c.log, "d 0 !5\nf 1 !5\nz 1 =z\n");
	assert_int_equal(c.res.more, SP_MORE_UNREADABLE);
	kit_end(&k);
}

static void names_are_bytes(void **state)
{
	struct kit k = begin("rm probe; printf x > \"$(printf 'a\\nb')\"; printf y > \"$(printf '\\377\\033')\"");
	struct kit_collect c = kit_collect(&k, "**");

	assert_string_equal(c.log, "a\nb 1 =x\n\xff\x1b 1 =y\n");
	kit_end(&k);
}

static void much_is_given_whole(void **state)
{
	struct kit k = begin("rm probe; head -c 20000000 /dev/zero | tr '\\0' z > large; cp large larger; printf . >> larger");
	struct kit_collect c = kit_collect(&k, "l*");

	assert_int_equal(c.res.files, 2);
	assert_int_equal(c.res.bytes, 40000001);
	assert_int_equal(c.bytes, 40000001);
	assert_int_equal(c.whole, 2);
	kit_end(&k);
}

static void collections_that_cannot_be_asked_for(void **state)
{
	static const struct {
		const char *pattern, *says;
	} list[] = {
	        {"", "pattern 2 is empty"},
	        {"/etc/passwd", "pattern 2 is absolute: it must be relative to /box: /etc/passwd"},
	        {"a/../b", "pattern 2 has a part \".\" or \"..\": a/../b"},
	        {"a**", "pattern 2 has \"**\" in a part with something else: a**"},
	        {"a\\", "pattern 2 has a \"\\\" with no character after it"},
	};
	struct kit k = begin("true");
	struct sp_collect ask = kit_ask;
	struct sp_err err;

	for (size_t i = 0; i < SP_COUNT(list); i++) {
		assert_int_equal(kit_try_collect(&k, &kit_ask, &err, "fine", list[i].pattern), -1);
		assert_int_equal(err.code, SP_E_INVALID);
		assert_contains(err.msg, list[i].says);
	}
	ask.files_max = 4097;
	assert_int_equal(kit_try_collect(&k, &ask, &err, "a"), -1);
	assert_contains(err.msg, "limit files_max is 4097, must be 1 to 4096");
	ask = kit_ask;
	ask.depth_max = 0;
	assert_int_equal(kit_try_collect(&k, &ask, &err, "a"), -1);
	assert_contains(err.msg, "limit depth_max is 0, must be 1 to 32");
	ask = kit_ask;
	ask.total_bytes_max = -1;
	assert_int_equal(kit_try_collect(&k, &ask, &err, "a"), -1);
	assert_contains(err.msg, "limit total_bytes_max is -1, must be 0 to ");
	/* none of it has reached the slot */
	assert_true(kit_collect(&k, "probe").res.complete);
	kit_end(&k);
}

static void a_collection_needs_a_step(void **state)
{
	struct kit k = kit_new(R, 0);
	struct sp_err err;

	kit_begin(&k);
	assert_int_equal(kit_try_collect(&k, &kit_ask, &err, "**"), -1);
	assert_int_equal(err.code, SP_E_INTERNAL);
	assert_contains(err.msg, "before any step");
	assert_int_equal(kit_try(&k, "no-such-command"), -1);
	assert_int_equal(kit_try_collect(&k, &kit_ask, &err, "**"), -1);
	assert_int_equal(err.code, SP_E_INTERNAL);
	kit_end(&k);
	assert_works(R, 0);
}

static void interrupt_at_data(struct kit_collect *c) { sp_runtime_interrupt(R, 0); }

static void interrupt_of_a_collection(void **state)
{
	struct kit k = begin("head -c 60000000 /dev/zero > large");
	struct kit_collect c = {.at_data = interrupt_at_data};

	if (kit_collect_into(&k, &kit_ask, &c, &k.err, (const char *const[]){"large"}, 1)) fail_msg("collect: %s", k.err.msg);
	assert_false(c.res.complete);
	assert_int_equal(c.res.killed_by, SP_KILLED_CALLER);
	assert_int_equal(c.whole, 0);
	assert_int_equal(c.cut, 1);
	assert_true(c.bytes < 60000000);
	/* and so does the next one of this evaluation, at once */
	c = kit_collect(&k, "large");
	assert_false(c.res.complete);
	assert_int_equal(c.res.killed_by, SP_KILLED_CALLER);
	assert_string_equal(c.log, "");
	kit_end(&k);
	assert_works(R, 0);
}

static void dawdle(struct kit_collect *c) { usleep(400000); }

/* The callbacks' time is the collection's. */
static void wall_limit_of_a_collection(void **state)
{
	struct kit k = begin("head -c 60000000 /dev/zero > large");
	struct kit_collect c = {.at_data = dawdle};
	struct sp_collect ask = kit_ask;

	ask.wall_ms = 200;
	if (kit_collect_into(&k, &ask, &c, &k.err, (const char *const[]){"large"}, 1)) fail_msg("collect: %s", k.err.msg);
	assert_false(c.res.complete);
	assert_int_equal(c.res.killed_by, SP_KILLED_WALL);
	assert_int_equal(c.cut, 1);
	c = kit_collect(&k, "large");
	assert_true(c.res.complete && c.whole == 1);
	kit_end(&k);
}

static void collections_leave_nothing(void **state)
{
	struct kit k = begin("printf x > x");

	kit_collect(&k, "x");
	int before = count_fds(getpid());
	for (int i = 0; i < 100; i++) assert_string_equal(kit_collect(&k, "x").log, "x 1 =x\n");
	assert_int_equal(count_fds(getpid()), before);
	kit_end(&k);
}

/* What a program leaves is its own slot's: the other one's collection of the same names finds its own. */
static void two_slots_collect_their_own(void **state)
{
	struct kit a = begin("printf one > x"), b = kit_new(R, 1);

	kit_begin(&b);
	kit_run(&b, "/bin/sh", "-c", "printf two > x");
	assert_string_equal(kit_collect(&a, "x").log, "x 3 =one\n");
	assert_string_equal(kit_collect(&b, "x").log, "x 3 =two\n");
	kit_end(&a);
	kit_end(&b);
}

static const struct CMUnitTest plain[] = {
        contract_test(files_are_given),
        contract_test(what_is_not_given_is_told),
        contract_test(names_are_bytes),
        contract_test(much_is_given_whole),
        contract_test(collections_that_cannot_be_asked_for),
        contract_test(a_collection_needs_a_step),
        contract_test(interrupt_of_a_collection),
        contract_test(wall_limit_of_a_collection),
        contract_test(collections_leave_nothing),
        contract_test(two_slots_collect_their_own),
};

static const struct CMUnitTest isolated[] = {
        contract_test(what_is_closed_is_told), /* a back-end without isolation may read with more rights than the program has */
};
const struct runtime_suite collect_suite = {plain, SP_COUNT(plain), isolated, SP_COUNT(isolated)};
