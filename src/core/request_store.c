/* SPDX-License-Identifier: MIT */
/*
 * The stored form of a request, version 1: a JSON object
 *
 *     {"v":1, "files":[{"path","text"} | {"path","base64"}], "entry", "stdin":{"text"|"base64"} | null, "args":[…], "env":[…], "limits":{…},
 *      "expected_output":… | null, "compare_exact", "merge_output", "reference":… | null, "class"}
 *
 * Bytes that are UTF-8 are text, others base64. Defaults are filled in when the request is accepted, so that a later change of the configuration does not
 * change what was asked for.
 *
 * To change it: add keys with a default for rows that lack them, and keep v at 1; if an old reader must not run the new form, count v up and read
 * both for one release. Rows outlive an upgrade (evaluations that wait, and version N must run on what N+1 wrote).
 */
#include <string.h>

#include "base/data.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/request.h"

#define VERSION 1
#define LIMIT_MAX \
	(INT64_C(1) \
	        << 40) /* no option of the configuration allows more of anything, so that whoever adds to a limit or doubles it has room */

/* ---- writing ---- */

static void put_bytes(json_t *o, const struct sp_bytes *b)
{
	struct sp_buf text;

	if (sp_utf8_valid(b->p ? b->p : "", b->n)) {
		json_object_set_new(o, "text", json_stringn_nocheck(b->p ? b->p : "", b->n));
		return;
	}
	sp_buf_init(&text, b->n / 3 * 4 + 8);
	SP_BUG_ON(sp_base64_add(&text, b->p, b->n) != 0);
	json_object_set_new(o, "base64", json_stringn_nocheck(text.data, text.len));
	sp_buf_fini(&text);
}

static json_t *bytes_json(bool has, const struct sp_bytes *b)
{
	if (!has) return json_null();
	json_t *o = json_object();
	put_bytes(o, b);
	return o;
}

static json_t *words_json(char *const *v)
{
	json_t *a = json_array();
	for (; v && *v; v++) json_array_append_new(a, json_string(*v));
	return a;
}

static const struct {
	const char *name;
	size_t offset;
} limit_fields[] = {
        {"wall_ms", offsetof(struct sp_eval_limits, run.wall_ms)},
        {"cpu_ms", offsetof(struct sp_eval_limits, run.cpu_ms)},
        {"memory_bytes", offsetof(struct sp_eval_limits, run.memory_bytes)},
        {"processes", offsetof(struct sp_eval_limits, run.processes)},
        {"open_files", offsetof(struct sp_eval_limits, run.open_files)},
        {"files_bytes", offsetof(struct sp_eval_limits, run.files_bytes)},
        {"output_bytes", offsetof(struct sp_eval_limits, run.output_bytes)},
        {"compile_wall_ms", offsetof(struct sp_eval_limits, compile_wall_ms)},
};

char *sp_request_encode(const struct sp_request *r, size_t *len)
{
	json_t *o = json_object(), *files = json_array(), *limits = json_object();

	for (size_t i = 0; i < r->nfiles; i++) {
		json_t *f = json_object();
		json_object_set_new(f, "path", json_string(r->files[i].path));
		put_bytes(f, &r->files[i].content);
		json_array_append_new(files, f);
	}
	for (size_t i = 0; i < SP_COUNT(limit_fields); i++)
		json_object_set_new(limits, limit_fields[i].name,
		        json_integer(*(const int64_t *)(const void *)((const char *)&r->limits + limit_fields[i].offset)));
	json_object_set_new(o, "v", json_integer(VERSION));
	json_object_set_new(o, "files", files);
	json_object_set_new(o, "entry", json_string(r->entry));
	json_object_set_new(o, "stdin", bytes_json(r->has_stdin, &r->stdin_));
	json_object_set_new(o, "args", words_json(r->args));
	json_object_set_new(o, "env", words_json(r->env));
	json_object_set_new(o, "limits", limits);
	json_object_set_new(o, "expected_output", bytes_json(r->has_expected, &r->expected_output));
	json_object_set_new(o, "compare_exact", json_boolean(r->compare_exact));
	json_object_set_new(o, "merge_output", json_boolean(r->merge_output));
	json_object_set_new(o, "reference", r->reference ? json_string(r->reference) : json_null());
	json_object_set_new(o, "class", json_integer(r->class_));
	char *text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	SP_BUG_ON(!text); /* every text in it was checked to be UTF-8 */
	*len = strlen(text);
	return text;
}

/* ---- reading ---- */

static int get_bytes(json_t *o, struct sp_bytes *out)
{
	json_t *text = json_object_get(o, "text"), *base64 = json_object_get(o, "base64");
	struct sp_buf b;

	if (json_is_string(text)) {
		*out = (struct sp_bytes){.p = sp_memdup0(json_string_value(text), json_string_length(text)), .n = json_string_length(text)};
		return 0;
	}
	if (!json_is_string(base64)) return -1;
	sp_buf_init(&b, json_string_length(base64) + 1);
	int rc = sp_base64_decode(&b, json_string_value(base64), json_string_length(base64));
	if (b.failed) sp_out_of_memory();
	if (rc == 0) out->p = sp_buf_steal(&b, &out->n);
	sp_buf_fini(&b);
	return rc;
}

static int get_optional(json_t *o, const char *key, bool *has, struct sp_bytes *out)
{
	json_t *v = json_object_get(o, key);

	*has = v && !json_is_null(v);
	return *has ? get_bytes(v, out) : 0;
}

static int get_words(json_t *o, const char *key, char ***out)
{
	json_t *a = json_object_get(o, key);
	size_t n = json_array_size(a);

	if (!json_is_array(a)) return -1;
	*out = sp_calloc(n + 1, sizeof(**out));
	for (size_t i = 0; i < n; i++) {
		const char *s = json_string_value(json_array_get(a, i));
		if (!s) return -1;
		(*out)[i] = sp_strdup(s);
	}
	return 0;
}

static int get_files(json_t *o, struct sp_request *r)
{
	json_t *files = json_object_get(o, "files");
	size_t n = json_array_size(files);

	if (n == 0) return -1;
	r->files = sp_calloc(n, sizeof(*r->files));
	for (size_t i = 0; i < n; i++) {
		json_t *f = json_array_get(files, i);
		const char *path = json_string_value(json_object_get(f, "path"));
		if (!path) return -1;
		struct sp_request_file *to = &r->files[r->nfiles++];
		to->path = sp_strdup(path);
		if (get_bytes(f, &to->content)) return -1;
	}
	return 0;
}

static int get_limits(json_t *o, struct sp_eval_limits *out)
{
	json_t *l = json_object_get(o, "limits");

	for (size_t i = 0; i < SP_COUNT(limit_fields); i++) {
		json_t *v = json_object_get(l, limit_fields[i].name);
		if (!json_is_integer(v) || json_integer_value(v) < 1 || json_integer_value(v) > LIMIT_MAX) return -1;
		*(int64_t *)(void *)((char *)out + limit_fields[i].offset) = json_integer_value(v);
	}
	return 0;
}

static int get_all(json_t *o, struct sp_request *r)
{
	const char *entry = json_string_value(json_object_get(o, "entry")), *reference = json_string_value(json_object_get(o, "reference"));

	if (!entry || get_files(o, r) || get_limits(o, &r->limits)) return -1;
	r->entry = sp_strdup(entry);
	r->reference = sp_strdup(reference);
	r->compare_exact = json_is_true(json_object_get(o, "compare_exact"));
	r->merge_output = json_is_true(json_object_get(o, "merge_output"));
	r->class_ = json_integer_value(json_object_get(o, "class")) == SP_CLASS_BULK ? SP_CLASS_BULK : SP_CLASS_INTERACTIVE;
	if (get_optional(o, "stdin", &r->has_stdin, &r->stdin_)) return -1;
	if (get_optional(o, "expected_output", &r->has_expected, &r->expected_output)) return -1;
	if (get_words(o, "args", &r->args)) return -1;
	return get_words(o, "env", &r->env);
}

int sp_request_decode(
        const char *p, size_t n, const char *language, const struct sp_languages *ls, struct sp_request *out, struct sp_err *err)
{
	enum sp_json_fault fault;
	int rc = 0;

	*out = (struct sp_request){.language = sp_languages_find(ls, language)};
	if (!out->language) return sp_fail(err, SP_E_NOT_FOUND, 0, "the language %s is not known here", language);
	json_t *o = sp_json_parse(p, n, &fault, err);
	if (!o) {
		if (err) err->code = SP_E_INTERNAL;
		return sp_wrap(err, "stored request");
	}
	json_t *v = json_object_get(o, "v");
	if (!json_is_integer(v) || json_integer_value(v) != VERSION)
		rc = sp_fail(err, SP_E_INTERNAL, 0, "the stored request has a version that this program does not know");
	else if (get_all(o, out))
		rc = sp_fail(err, SP_E_INTERNAL, 0, "the stored request is damaged");
	json_decref(o);
	return rc;
}
