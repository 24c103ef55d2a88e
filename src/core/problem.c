/* SPDX-License-Identifier: MIT */
#include "core/problem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"

#define VALUE_CHARS_MAX 100

/* A text that was cut at the end of its buffer may end inside a character, which JSON would refuse as a whole. */
static void drop_broken_end(char *s)
{
	size_t n = strlen(s), at = 0;

	while (at < n) {
		bool ok;
		size_t len = sp_utf8_next(s + at, n - at, &ok);
		if (!ok) break;
		at += len;
	}
	s[at] = '\0';
}

/* What is shown of a value: scalars as they are, long texts cut, arrays and objects not at all (the caller sent them, and they may be megabytes). */
static json_t *shown(json_t *v)
{
	if (!v) return NULL;
	if (json_is_object(v) || json_is_array(v)) {
		json_decref(v);
		return NULL;
	}
	if (!json_is_string(v)) return v;

	const char *s = json_string_value(v);
	size_t n = json_string_length(v), at = 0;
	for (int chars = 0; at < n && chars < VALUE_CHARS_MAX; chars++) {
		bool ok;
		at += sp_utf8_next(s + at, n - at, &ok);
	}
	if (at == n) return v;
	json_t *cut = json_stringn(s, at);
	json_decref(v);
	return cut;
}

struct sp_problem *sp_problem_add(
        struct sp_problems *ps, int http_status, const char *code, const char *field, json_t *value, json_t *limit, const char *fmt, ...)
{
	if (ps->n >= SP_PROBLEMS_MAX) {
		json_decref(value);
		json_decref(limit);
		return NULL;
	}
	struct sp_problem *p = &ps->list[ps->n++];
	va_list ap;

	*p = (struct sp_problem){.code = code, .http_status = http_status, .value = shown(value), .limit = limit};
	va_start(ap, fmt);
	if (vsnprintf(p->message, sizeof(p->message), fmt, ap) < 0) p->message[0] = '\0';
	va_end(ap);
	/* Values in the middle of a message are cut to their bounds, too. */
	sp_utf8_mend(p->message);
	snprintf(p->field, sizeof(p->field), "%s", field ? field : "");
	drop_broken_end(p->field);
	return p;
}

void sp_problems_fini(struct sp_problems *ps)
{
	for (size_t i = 0; i < ps->n; i++) {
		json_decref(ps->list[i].value);
		json_decref(ps->list[i].limit);
	}
	*ps = (struct sp_problems){.n = 0};
}

static json_t *or_null(json_t *v) { return v ? json_incref(v) : json_null(); }

static json_t *one(const struct sp_problem *p)
{
	json_t *o = json_object();

	json_object_set_new(o, "code", json_string(p->code));
	json_object_set_new(o, "message", json_string(p->message));
	json_object_set_new(o, "field", p->field[0] ? json_string(p->field) : json_null());
	json_object_set_new(o, "value", or_null(p->value));
	json_object_set_new(o, "limit", or_null(p->limit));
	return o;
}

json_t *sp_problems_json(const struct sp_problems *ps, const char *request_id)
{
	SP_BUG_ON(ps->n == 0);
	json_t *first = one(&ps->list[0]), *more = json_array(), *out = json_object();

	for (size_t i = 1; i < ps->n; i++) json_array_append_new(more, one(&ps->list[i]));
	json_object_set_new(first, "request_id", request_id ? json_string(request_id) : json_null());
	json_object_set_new(first, "more", more);
	json_object_set_new(out, "error", first);
	return out;
}
