/* SPDX-License-Identifier: MIT */
/* Cursors of lists. */
#include "core/cursor.h"

#include <string.h>

#include "unit.h"

static void there_and_back(void **state)
{
	char text[SP_CURSOR_LEN];
	struct sp_id id, got;

	for (int i = 0; i < 1000; i++) {
		id = sp_id_new();
		sp_cursor_text(SP_CURSOR_EVALUATIONS, &id, text);
		assert_int_equal(strlen(text), SP_CURSOR_LEN - 1);
		/* Fit for a query without any escaping. */
		assert_int_equal(strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), SP_CURSOR_LEN - 1);
		assert_true(sp_cursor_parse(SP_CURSOR_EVALUATIONS, text, &got));
		assert_true(sp_id_equal(&id, &got));
		assert_false(sp_cursor_parse(SP_CURSOR_USERS, text, &got));
	}
}

static void same_text_for_ever(void **state)
{
	struct sp_id id, got;
	char text[SP_CURSOR_LEN];

	/* Clients may keep them over an update. */
	assert_true(sp_id_parse("01a204c6-0578-7c1e-9f00-3a5be1c2d4f6", &id));
	sp_cursor_text(SP_CURSOR_EVALUATIONS, &id, text);
	assert_string_equal(text, "AQEBogTGBXh8Hp8AOlvhwtT2");
	assert_true(sp_cursor_parse(SP_CURSOR_EVALUATIONS, "AQEBogTGBXh8Hp8AOlvhwtT2", &got));
	assert_true(sp_id_equal(&id, &got));
}

static void what_is_no_cursor(void **state)
{
	static const char *const bad[] = {"", "x", "AQEBogTGBXh8Hp8AOlvhwtT", "AQEBogTGBXh8Hp8AOlvhwtT2A",
	        "AQEBogTGBXh8Hp8AOlvhwtT=", "AQEBogTGBXh8Hp8AOlvhwt+/", "AQEBogTGBXh8Hp8AOlvhwt 2",
	        "AgEBogTGBXh8Hp8AOlvhwtT2" /* version 2 */, "AQMBogTGBXh8Hp8AOlvhwtT2" /* kind 3 */,
	        "AQEBogTGBXh8Hp8AOlvhwtT2AQEBogTGBXh8Hp8AOlvhwtT2", "01a204c6-0578-7c1e-9f00-3a5be1c2d4f6", "AQEAAQIDBAUGBwg\235CgsMDQ4P"};
	struct sp_id got;

	for (size_t i = 0; i < SP_COUNT(bad); i++)
		if (sp_cursor_parse(SP_CURSOR_EVALUATIONS, bad[i], &got)) fail_msg("%s", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(there_and_back),
	        cmocka_unit_test(same_text_for_ever),
	        cmocka_unit_test(what_is_no_cursor),
	};
	return cmocka_run_group_tests_name("core_cursor", tests, NULL, NULL);
}
