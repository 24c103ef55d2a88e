/* SPDX-License-Identifier: MIT */
/* sp_runtime_collect: what every back-end is spared, and what callers can rely on whatever it is. */
#include "fake_runtime.h"
#include "unit.h"

static struct fake_runtime fake;
static char said[256];

static void on_file(void *cls, const struct sp_artifact *a)
{
	snprintf(said, sizeof said, "%s %lld !%d", a->path, (long long)a->size, a->missing);
}
static void on_data(void *cls, const char *p, size_t n) { snprintf(said + strlen(said), sizeof said - strlen(said), " %.*s", (int)n, p); }
static void on_file_end(void *cls, bool whole) { snprintf(said + strlen(said), sizeof said - strlen(said), "%s", whole ? "." : "~"); }

static const char *const some[] = {"*.x"};
static const struct sp_collect good = {.patterns = some,
        .npatterns = 1,
        .files_max = 1,
        .file_bytes_max = 100,
        .total_bytes_max = 100,
        .depth_max = 1,
        .wall_ms = 1000,
        .cpu_ms = 1000,
        .on_file = on_file,
        .on_data = on_data,
        .on_file_end = on_file_end};

static void begin(const char *program)
{
	struct sp_source_file file = {.path = "main.x", .data = program, .size = strlen(program)};
	struct sp_workspace w = {.root = "host", .files = &file, .nfiles = 1, .files_bytes = 1 << 20};
	said[0] = 0;
	assert_int_equal(sp_runtime_begin(&fake.super, 0, &w, NULL), 0);
}

static int start(void **state)
{
	fake_init(&fake, 1);
	return 0;
}
static int stop(void **state)
{
	fake_fini(&fake);
	return 0;
}

static void it_is_passed_on(void **state)
{
	struct sp_collect_result res;
	struct sp_collect c = good;

	begin("print text");
	assert_int_equal(sp_runtime_collect(&fake.super, 0, &c, &res, NULL), 0);
	assert_string_equal(said, "main.x 10 !0 print text.");
	assert_true(res.complete);
	assert_int_equal(res.files, 1);
	assert_int_equal(res.bytes, 10);
	c.file_bytes_max = 5;
	assert_int_equal(sp_runtime_collect(&fake.super, 0, &c, &res, NULL), 0);
	assert_string_equal(said, "main.x 10 !1");
	c = good;
	c.total_bytes_max = 5;
	assert_int_equal(sp_runtime_collect(&fake.super, 0, &c, &res, NULL), 0);
	assert_int_equal(res.more, SP_MORE_TOTAL);
	c = good;
	c.patterns = (const char *const[]){"*.y"};
	said[0] = 0;
	assert_int_equal(sp_runtime_collect(&fake.super, 0, &c, &res, NULL), 0);
	assert_string_equal(said, "");
	sp_runtime_interrupt(&fake.super, 0);
	assert_int_equal(sp_runtime_collect(&fake.super, 0, &good, &res, NULL), 0);
	assert_false(res.complete);
	assert_int_equal(res.killed_by, SP_KILLED_CALLER);
	sp_runtime_end(&fake.super, 0);
}

static void losses_are_told_as_such(void **state)
{
	struct sp_collect_result res;
	struct sp_err err = {0};

	begin("lose 1");
	assert_int_equal(sp_runtime_collect(&fake.super, 0, &good, &res, &err), -1);
	assert_int_equal(err.code, SP_E_UNAVAILABLE);
	assert_true(err.retryable);
	assert_contains(err.msg, "fake slot 0: collect");
	sp_runtime_end(&fake.super, 0);
}

static void refused(const struct sp_collect *c, const char *says)
{
	struct sp_collect_result res;
	struct sp_err err = {0};

	assert_int_equal(sp_runtime_collect(&fake.super, 0, c, &res, &err), -1);
	assert_int_equal(err.code, SP_E_INVALID);
	assert_string_equal(err.msg, says);
	assert_string_equal(said, "");
}
#define REFUSED(field, value, says) \
	do { \
		struct sp_collect c = good; \
		c.field = (value); \
		refused(&c, says); \
	} while (0)

/* Each names its field and its bounds; none reaches the back-end. */
static void bounds(void **state)
{
	static const char *many[65];
	for (size_t i = 0; i < SP_COUNT(many); i++) many[i] = "a";

	begin("print text");
	REFUSED(wall_ms, 0, "limit wall_ms is 0, must be 1 to 604800000");
	REFUSED(cpu_ms, -1, "limit cpu_ms is -1, must be 1 to 604800000");
	REFUSED(files_max, 0, "limit files_max is 0, must be 1 to 4096");
	REFUSED(files_max, 4097, "limit files_max is 4097, must be 1 to 4096");
	REFUSED(file_bytes_max, -1, "limit file_bytes_max is -1, must be 0 to 4398046511104");
	REFUSED(total_bytes_max, INT64_MAX, "limit total_bytes_max is 9223372036854775807, must be 0 to 4398046511104");
	REFUSED(depth_max, 0, "limit depth_max is 0, must be 1 to 32");
	REFUSED(depth_max, 33, "limit depth_max is 33, must be 1 to 32");
	REFUSED(npatterns, 0, "limit npatterns is 0, must be 1 to 64");
	struct sp_collect c = good;
	c.patterns = many;
	c.npatterns = 65;
	refused(&c, "limit npatterns is 65, must be 1 to 64");
	c.patterns = (const char *const[]){"fine", "not/../fine"};
	c.npatterns = 2;
	refused(&c, "pattern 2 has a part \".\" or \"..\": not/../fine");
	sp_runtime_end(&fake.super, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(it_is_passed_on, start, stop),
	        cmocka_unit_test_setup_teardown(losses_are_told_as_such, start, stop),
	        cmocka_unit_test_setup_teardown(bounds, start, stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
