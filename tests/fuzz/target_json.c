/* SPDX-License-Identifier: MIT */
/*
 * sp_json_parse. The input is the text.
 *
 * Holds: what is accepted is within the bounds, and is what jansson alone reads; what is refused is refused for the reason that is said, which jansson without the bounds confirms.
 */
#include "fuzz.h"

#include "base/data.h"

static void measure(const json_t *v, unsigned depth, unsigned *deepest, size_t *values)
{
	const char *key;
	json_t *member;

	++*values;
	if (!json_is_object(v) && !json_is_array(v)) return;
	if (++depth > *deepest) *deepest = depth;
	for (size_t i = 0; i < json_array_size(v); i++) measure(json_array_get(v, i), depth, deepest, values);
	json_object_foreach((json_t *)(uintptr_t)v, key, member) measure(member, depth, deepest, values);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	sp_autofree char *text = fz_exact(data, size);
	enum sp_json_fault fault = SP_JSON_FINE;
	struct sp_err err = {0};
	json_error_t je;
	unsigned deepest = 0;
	size_t values = 0;

	json_t *v = sp_json_parse(text, size, &fault, &err), *again = sp_json_parse(text, size, NULL, NULL);
	json_t *plain = json_loadb(text, size, JSON_ALLOW_NUL | JSON_DECODE_ANY, &je);
	FZ_CHECK(!v == !again);
	if (plain) measure(plain, 0, &deepest, &values);
	if (v) {
		FZ_CHECK(fault == SP_JSON_FINE && err.code == SP_OK);
		FZ_CHECK(json_equal(v, plain) && json_equal(v, again));
		FZ_CHECK(deepest <= SP_JSON_DEPTH_MAX && values <= 2 * SP_JSON_VALUES_MAX);
	} else {
		fz_check_message(err.msg);
		FZ_CHECK(strncmp(err.msg, "line ", 5) == 0 && fault != SP_JSON_FINE);
		FZ_CHECK((err.code == SP_E_LIMIT) == (fault == SP_JSON_DEPTH));
		FZ_CHECK(err.code == SP_E_LIMIT || err.code == SP_E_INVALID);
		/* Nothing that jansson reads is lost but for the two reasons that jansson does not have. */
		if (fault == SP_JSON_SYNTAX) FZ_CHECK(!plain);
		if (fault == SP_JSON_DEPTH && plain) FZ_CHECK(deepest > SP_JSON_DEPTH_MAX || values > SP_JSON_VALUES_MAX / 2);
	}
	json_decref(v);
	json_decref(again);
	json_decref(plain);
	return 0;
}
