/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include "base/buf.h"
#include "base/data.h"
#include "base/text.h"

/* ---- JSON ---- */

/* A copy of exactly n bytes, so that reading past the end is seen. */
static json_t *parse(const char *p, size_t n, enum sp_json_fault *fault, struct sp_err *err)
{
	sp_autofree char *copy = malloc(n ? n : 1);
	memcpy(copy, p, n);
	return sp_json_parse(copy, n, fault, err);
}

static void json_good(void **state)
{
	static const char *const texts[] = {"{}", "[]", "null", "true", "-1", "1.5e3", "\"x\"", " [1, {\"a\": [\"\\\"[[[{\"]}] ",
	        "\"\\\\\"", "[\"\\\\\", []]", "{\"a\":{\"a\":1},\"b\":{\"a\":2}}", "\"\xf0\x9f\x98\x80\"", "\"\\ud83d\\ude00\""};

	for (size_t i = 0; i < SP_COUNT(texts); i++) {
		enum sp_json_fault fault = SP_JSON_DEPTH;
		struct sp_err err = {0};
		json_t *v = parse(texts[i], strlen(texts[i]), &fault, &err);
		if (!v) fail_msg("%s: %s", texts[i], err.msg);
		assert_int_equal(fault, SP_JSON_FINE);
		assert_int_equal(err.code, SP_OK);
		json_decref(v);
	}
	json_t *v = sp_json_parse("[7]", 3, NULL, NULL);
	assert_int_equal(json_integer_value(json_array_get(v, 0)), 7);
	json_decref(v);
}

static void json_nul_in_strings(void **state)
{
	enum sp_json_fault fault;
	struct sp_err err;
	json_t *v = parse("\"a\\u0000b\"", 10, &fault, &err);

	assert_non_null(v);
	assert_int_equal(json_string_length(v), 3);
	assert_memory_equal(json_string_value(v), "a\0b", 3);
	json_decref(v);
	/* Keys have no length of their own in jansson. */
	assert_null(parse("{\"a\\u0000b\":1}", 14, &fault, &err));
	assert_int_equal(fault, SP_JSON_SYNTAX);
}

static void assert_json_fault(const char *p, size_t n, enum sp_json_fault want, enum sp_code code, const char *msg)
{
	enum sp_json_fault fault = SP_JSON_FINE;
	struct sp_err err = {0};
	json_t *v = parse(p, n, &fault, &err);

	if (v) fail_msg("%s was taken", p);
	assert_int_equal(fault, want);
	assert_int_equal(err.code, code);
	if (strncmp(err.msg, msg, strlen(msg)) != 0) fail_msg("\"%s\" does not begin with \"%s\"", err.msg, msg);
	assert_true(sp_utf8_valid(err.msg, strlen(err.msg)));
	assert_null(parse(p, n, NULL, NULL));
}
#define BAD_SYNTAX(text, msg) assert_json_fault(text, sizeof(text) - 1, SP_JSON_SYNTAX, SP_E_INVALID, msg)
#define BAD_DUPLICATE(text, msg) assert_json_fault(text, sizeof(text) - 1, SP_JSON_DUPLICATE, SP_E_INVALID, msg)

static void json_syntax(void **state)
{
	BAD_SYNTAX("", "line 1, column 1: ");
	BAD_SYNTAX(" \n ", "line 2, column ");
	BAD_SYNTAX("{", "line 1, column 1: ");
	BAD_SYNTAX("{\n \"a\": 1,\n}", "line 3, column 1: ");
	BAD_SYNTAX("[1,]", "line 1, column 4: ");
	BAD_SYNTAX("[1] x", "line 1, column 5: ");
	BAD_SYNTAX("[1][2]", "line 1, column ");
	BAD_SYNTAX("{'a':1}", "line 1, column ");
	BAD_SYNTAX("\"open", "line 1, column ");
	BAD_SYNTAX("\"new\nline\"", "line 1, column ");
	BAD_SYNTAX("\"\\", "line 1, column ");
	BAD_SYNTAX("NaN", "line 1, column ");
	BAD_SYNTAX("01", "line 1, column ");
	BAD_SYNTAX("]]]", "line 1, column 1: ");
	BAD_SYNTAX("// no\n1", "line 1, column 1: ");
	BAD_SYNTAX("[1]\0", "line 1, column ");
	BAD_SYNTAX("\xef\xbb\xbf{}", "line 1, column ");
	BAD_SYNTAX("\"\xff\"", "line 1, column ");
	BAD_SYNTAX("\"\xed\xa0\x80\"", "line 1, column ");
	BAD_SYNTAX("\"\\ud800\"", "line 1, column ");
	BAD_SYNTAX("99999999999999999999", "line 1, column ");
}

static void json_duplicates(void **state)
{
	BAD_DUPLICATE("{\"a\":1,\"a\":1}", "line 1, column ");
	BAD_DUPLICATE("{\"a\":1,\n\"\\u0061\":1}", "line 2, column ");
	BAD_DUPLICATE("[{\"x\":{\"b\":1,\"c\":2,\"b\":3}}]", "line 1, column ");
	BAD_DUPLICATE("{\"\":1,\"\":1}", "line 1, column ");
}

static void json_depth(void **state)
{
	for (unsigned depth = 1; depth < 70; depth++) {
		for (int kind = 0; kind < 3; kind++) {
			struct sp_buf b;
			enum sp_json_fault fault;
			struct sp_err err = {0};
			sp_buf_init(&b, 1000);
			for (unsigned i = 0; i < depth; i++) sp_buf_adds(&b, kind == 0 || (kind == 2 && i % 2) ? "[" : "{\"a\":");
			sp_buf_adds(&b, "1");
			for (unsigned i = depth; i-- > 0;) sp_buf_adds(&b, kind == 0 || (kind == 2 && i % 2) ? "]" : "}");
			assert_false(b.failed);
			json_t *v = parse(b.data, b.len, &fault, &err);
			assert_int_equal(v != NULL, depth <= SP_JSON_DEPTH_MAX);
			assert_int_equal(fault, depth <= SP_JSON_DEPTH_MAX ? SP_JSON_FINE : SP_JSON_DEPTH);
			json_decref(v);
			sp_buf_fini(&b);
		}
	}
	assert_json_fault("\n\n[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", 69, SP_JSON_DEPTH, SP_E_LIMIT,
	        "line 3, column 33: nested deeper than 32 levels");

	/* Siblings do not add up, and brackets in strings do not count. */
	struct sp_buf b;
	sp_buf_init(&b, 10000);
	sp_buf_adds(&b, "[");
	for (int i = 0; i < 100; i++) sp_buf_adds(&b, "[],\"[[[[\\\"{{{{\\\\\",");
	sp_buf_adds(&b, "{}]");
	json_t *v = parse(b.data, b.len, NULL, NULL);
	assert_non_null(v);
	json_decref(v);
	sp_buf_fini(&b);
}

static void json_bombs(void **state)
{
	size_t n = 8 << 20;
	sp_autofree char *p = malloc(n);
	enum sp_json_fault fault;
	struct sp_err err;

	memset(p, '[', n);
	assert_null(sp_json_parse(p, n, &fault, &err));
	assert_int_equal(fault, SP_JSON_DEPTH);
	/* Flat, but each pair of bytes would be a value. */
	p[0] = '[';
	for (size_t i = 1; i < n; i++) p[i] = i % 2 ? '0' : ',';
	p[n - 1] = ']';
	assert_null(sp_json_parse(p, n, &fault, &err));
	assert_int_equal(fault, SP_JSON_DEPTH);
	assert_int_equal(err.code, SP_E_LIMIT);
	assert_contains(err.msg, "more than 100000 values");
	/* One large text is one value. */
	memset(p, ',', n);
	p[0] = p[n - 1] = '"';
	json_t *v = sp_json_parse(p, n, &fault, &err);
	assert_non_null(v);
	assert_int_equal(json_string_length(v), n - 2);
	json_decref(v);
}

/* ---- YAML ---- */

static json_t *parse_yaml(const char *s, struct sp_err *err)
{
	size_t n = strlen(s);
	sp_autofree char *copy = malloc(n ? n : 1);
	memcpy(copy, s, n);
	return sp_yaml_parse(copy, n, err);
}

static void assert_yaml(const char *yaml, const char *json)
{
	struct sp_err err = {0};
	json_t *v = parse_yaml(yaml, &err);

	if (!v) fail_msg("%s: %s", yaml, err.msg);
	assert_int_equal(err.code, SP_OK);
	char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
	assert_string_equal(text, json);
	free(text);
	json_decref(v);
}

static void yaml_structure(void **state)
{
	assert_yaml(
	        "a: 1\nb:\n  - x\n  - {c: [1, 2], d: }\n  -\n    e: f\n", "{\"a\":1,\"b\":[\"x\",{\"c\":[1,2],\"d\":null},{\"e\":\"f\"}]}");
	assert_yaml("- [[], {}]\n", "[[[],{}]]");
	assert_yaml("---\na: b\n...\n", "{\"a\":\"b\"}");
	assert_yaml("text", "\"text\"");
	assert_yaml("a: |\n  one\n  two\nb: >-\n  three\n  four\n", "{\"a\":\"one\\ntwo\\n\",\"b\":\"three four\"}");
	assert_yaml("{true: a, 1: b, null: c, \"d\": e}", "{\"true\":\"a\",\"1\":\"b\",\"null\":\"c\",\"d\":\"e\"}");
	assert_yaml("a: {x: 1}\nb: {x: 1}\n", "{\"a\":{\"x\":1},\"b\":{\"x\":1}}");
	assert_yaml("\xef\xbb\xbf"
	            "a: \xc3\xa9\n",
	        "{\"a\":\"\xc3\xa9\"}");
}

static void yaml_nothing_is_null(void **state)
{
	assert_yaml("", "null");
	assert_yaml("\n# only a remark\n", "null");
	assert_yaml("---\n", "null");
	json_t *v = sp_yaml_parse(NULL, 0, NULL);
	assert_true(json_is_null(v));
	json_decref(v);
}

static void yaml_core_schema(void **state)
{
	assert_yaml("[true, True, TRUE, false, False, FALSE]", "[true,true,true,false,false,false]");
	assert_yaml("[null, Null, NULL, ~]", "[null,null,null,null]");
	assert_yaml("[0, -0, 7, -19, +3, 007, 0o17, 0xfF]", "[0,0,7,-19,3,7,15,255]");
	assert_yaml("[9223372036854775807, -9223372036854775808]", "[9223372036854775807,-9223372036854775808]");
	/* Not YAML 1.1: these are text. */
	assert_yaml("[yes, no, on, off, y, n, tRUE, nULL, 1_000, 12:30, 0b1, 0x, 0o8, '-', -a, 1.5, 3.10, .inf, 1e3, 2026-11-22, 15s]",
	        "[\"yes\",\"no\",\"on\",\"off\",\"y\",\"n\",\"tRUE\",\"nULL\",\"1_000\",\"12:30\",\"0b1\",\"0x\",\"0o8\",\"-\",\"-a\",\"1."
	        "5\",\"3.10\",\".inf\",\"1e3\",\"2026-11-22\","
	        "\"15s\"]");
	/* Quoted is text. */
	assert_yaml("['1', \"true\", 'null', \"\", '', \"0x10\"]", "[\"1\",\"true\",\"null\",\"\",\"\",\"0x10\"]");
	assert_yaml("a: |\n  1\nb: >-\n  true\n", "{\"a\":\"1\\n\",\"b\":\"true\"}");
}

static void assert_yaml_fault(const char *yaml, enum sp_code code, const char *begin, const char *part)
{
	struct sp_err err = {0};
	json_t *v = parse_yaml(yaml, &err);

	if (v) fail_msg("taken: %s", yaml);
	assert_int_equal(err.code, code);
	if (strncmp(err.msg, begin, strlen(begin)) != 0) fail_msg("\"%s\" does not begin with \"%s\"", err.msg, begin);
	assert_contains(err.msg, part);
	assert_true(sp_utf8_valid(err.msg, strlen(err.msg)));
	assert_null(parse_yaml(yaml, NULL));
}

static void yaml_refuses_what_files_do_not_need(void **state)
{
	assert_yaml_fault("a: 1\nb: &x 2\n", SP_E_INVALID, "line 2: ", "anchors (&x)");
	assert_yaml_fault("a: &x [1]\n", SP_E_INVALID, "line 1: ", "anchors");
	assert_yaml_fault("a: &x {b: 1}\n", SP_E_INVALID, "line 1: ", "anchors");
	assert_yaml_fault("&x a: 1\n", SP_E_INVALID, "line 1: ", "anchors");
	assert_yaml_fault("a: 1\n\nb: *x\n", SP_E_INVALID, "line 3: ", "aliases (*x)");
	assert_yaml_fault("a: !!str 1\n", SP_E_INVALID, "line 1: ", "tags (tag:yaml.org,2002:str)");
	assert_yaml_fault("a: ! 1\n", SP_E_INVALID, "line 1: ", "tags");
	assert_yaml_fault("a: !x [1]\n", SP_E_INVALID, "line 1: ", "tags (!x)");
	assert_yaml_fault("a: !x {b: 1}\n", SP_E_INVALID, "line 1: ", "tags");
	assert_yaml_fault("%TAG ! tag:x,2000:\n---\na: 1\n", SP_E_INVALID, "line ", "tags");
	assert_yaml_fault("a: 1\n---\nb: 1\n", SP_E_INVALID, "line 2: ", "more than one document");
	assert_yaml_fault("---\n---\n", SP_E_INVALID, "line 2: ", "more than one document");
	assert_yaml_fault("a: 1\nb: 2\na: 3\n", SP_E_INVALID, "line 3: ", "the key \"a\" is there twice");
	assert_yaml_fault("a: {}\n\"a\": {}\n", SP_E_INVALID, "line 2: ", "twice");
	assert_yaml_fault("x:\n  - {b: null, b: 1}\n", SP_E_INVALID, "line 2: ", "twice");
	assert_yaml_fault("? [a]\n: b\n", SP_E_INVALID, "line 1: ", "a key must be text");
	assert_yaml_fault("{a: 1}: b\n", SP_E_INVALID, "line 1: ", "a key must be text");
	assert_yaml_fault("a: 1\n?\n: b\n", SP_E_INVALID, "line 2: ", "an empty key");
	assert_yaml_fault("\"\": b\n", SP_E_INVALID, "line 1: ", "an empty key");
	assert_yaml_fault("a: \"x\\0y\"\n", SP_E_INVALID, "line 1: ", "NUL");
	assert_yaml_fault("\"x\\0y\": 1\n", SP_E_INVALID, "line 1: ", "NUL");
	assert_yaml_fault("a: 1\nb: 9223372036854775808\n", SP_E_INVALID, "line 2: ", "9223372036854775808 is out of range");
	assert_yaml_fault("b: 0xffffffffffffffff\n", SP_E_INVALID, "line 1: ", "out of range");
}

static void yaml_syntax_has_lines(void **state)
{
	assert_yaml_fault("a: 1\nb: [1, 2\nc: 3\n", SP_E_INVALID, "line 3: ", "");
	assert_yaml_fault("a: 1\n\tb: 2\n", SP_E_INVALID, "line 2: ", "");
	assert_yaml_fault("a: 'open\n", SP_E_INVALID, "line 2: ", "");
	assert_yaml_fault("a: 1\nb: \xff\n", SP_E_INVALID, "line 2: ", "");
	assert_yaml_fault("a: 1\n\nb: \x01\n", SP_E_INVALID, "line 3: ", "");
	assert_yaml_fault("a: b: c\n", SP_E_INVALID, "line 1: ", "");
	assert_yaml_fault("a: \"\\ud800\"\n", SP_E_INVALID, "line 1: ", "");
}

static void yaml_bounds(void **state)
{
	struct sp_err err = {0};

	for (unsigned depth = 1; depth < 40; depth++) {
		struct sp_buf b;
		sp_buf_init(&b, 1000);
		for (unsigned i = 0; i < depth; i++) sp_buf_adds(&b, i % 2 ? "[" : "{a: ");
		for (unsigned i = depth; i-- > 0;) sp_buf_adds(&b, i % 2 ? "]" : "}");
		if (depth <= 16) {
			json_t *v = sp_yaml_parse(b.data, b.len, &err);
			assert_non_null(v);
			json_decref(v);
		} else {
			assert_yaml_fault(b.data, SP_E_LIMIT, "line 1: ", "nested deeper than 16 levels");
		}
		sp_buf_fini(&b);
	}

	/* 10000 nodes: the sequence and 9999 elements. */
	struct sp_buf b;
	sp_buf_init(&b, 100000);
	for (int i = 0; i < 9999; i++) sp_buf_adds(&b, "- 1\n");
	json_t *v = sp_yaml_parse(b.data, b.len, &err);
	assert_non_null(v);
	assert_int_equal(json_array_size(v), 9999);
	json_decref(v);
	sp_buf_adds(&b, "- 1\n");
	assert_yaml_fault(b.data, SP_E_LIMIT, "line 10000: ", "more than 10000 values");
	sp_buf_fini(&b);

	/* 1 MiB, and one byte more. */
	size_t n = 1 << 20;
	sp_autofree char *p = malloc(n + 1);
	memset(p, 'x', n + 1);
	p[0] = p[n - 1] = '\'';
	v = sp_yaml_parse(p, n, &err);
	assert_int_equal(json_string_length(v), n - 2);
	json_decref(v);
	assert_null(sp_yaml_parse(p, n + 1, &err));
	assert_int_equal(err.code, SP_E_LIMIT);
	memset(p, '[', n);
	assert_null(sp_yaml_parse(p, n, &err));
	assert_int_equal(err.code, SP_E_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(json_good),
	        cmocka_unit_test(json_nul_in_strings),
	        cmocka_unit_test(json_syntax),
	        cmocka_unit_test(json_duplicates),
	        cmocka_unit_test(json_depth),
	        cmocka_unit_test(json_bombs),
	        cmocka_unit_test(yaml_structure),
	        cmocka_unit_test(yaml_nothing_is_null),
	        cmocka_unit_test(yaml_core_schema),
	        cmocka_unit_test(yaml_refuses_what_files_do_not_need),
	        cmocka_unit_test(yaml_syntax_has_lines),
	        cmocka_unit_test(yaml_bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
