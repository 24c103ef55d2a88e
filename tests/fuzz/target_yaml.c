/* SPDX-License-Identifier: MIT */
/*
 * sp_yaml_parse. The input is the text.
 *
 * Holds: what is accepted is within the bounds and can be written as JSON, which reads as the same; what is refused has a line, or is too long.
 */
#include "fuzz.h"

#include "base/data.h"

#define DEPTH_MAX 16
#define NODES_MAX 10000
#define BYTES_MAX (1u << 20)

static void measure(const json_t *v, unsigned depth, size_t *nodes)
{
	const char *key;
	json_t *member;

	FZ_CHECK(++*nodes <= NODES_MAX);
	FZ_CHECK(!json_is_real(v)); /* there are no fractions */
	if (json_is_string(v)) FZ_CHECK(strlen(json_string_value(v)) == json_string_length(v));
	if (!json_is_object(v) && !json_is_array(v)) return;
	FZ_CHECK(++depth <= DEPTH_MAX);
	for (size_t i = 0; i < json_array_size(v); i++) measure(json_array_get(v, i), depth, nodes);
	json_object_foreach((json_t *)(uintptr_t)v, key, member)
	{
		FZ_CHECK(*key && ++*nodes <= NODES_MAX);
		measure(member, depth, nodes);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	sp_autofree char *text = fz_exact(data, size);
	struct sp_err err = {0};
	size_t nodes = 0;

	json_t *v = sp_yaml_parse(text, size, &err);
	if (!v) {
		fz_check_message(err.msg);
		FZ_CHECK(err.code == SP_E_INVALID || err.code == SP_E_LIMIT);
		FZ_CHECK(size > BYTES_MAX || strncmp(err.msg, "line ", 5) == 0);
		return 0;
	}
	FZ_CHECK(size <= BYTES_MAX);
	measure(v, 0, &nodes);
	sp_autofree char *out = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
	FZ_CHECK(out);
	json_t *again = sp_json_parse(out, strlen(out), NULL, NULL);
	FZ_CHECK(json_equal(v, again));
	json_decref(again);
	json_decref(v);
	return 0;
}
