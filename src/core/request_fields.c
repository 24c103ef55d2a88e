/* SPDX-License-Identifier: MIT */
#include "core/request_fields.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

#define STATUS 422

/* ---- places ---- */

/* RFC 6901: "~" and "/" of a name are escaped. Names are the caller's: what does not fit is cut, problem.c mends a cut character. */
static void add_pointer(char *to, size_t size, const char *name)
{
	size_t at = strlen(to);

	if (at + 1 < size) to[at++] = '/';
	for (; *name && at + 2 < size; name++) {
		if (*name == '~' || *name == '/') {
			to[at++] = '~';
			to[at++] = *name == '~' ? '0' : '1';
		} else {
			to[at++] = *name;
		}
	}
	to[at] = '\0';
}

struct sp_place sp_place_of(const char *field)
{
	struct sp_place p = {.pointer = ""};

	snprintf(p.name, sizeof(p.name), "%s", field);
	add_pointer(p.pointer, sizeof(p.pointer), field);
	return p;
}

struct sp_place sp_place_member(const struct sp_place *parent, const char *name)
{
	struct sp_place p = *parent;

	snprintf(p.name, sizeof(p.name), "%.58s.%.60s", parent->name, name);
	add_pointer(p.pointer, sizeof(p.pointer), name);
	return p;
}

struct sp_place sp_place_index(const struct sp_place *parent, size_t i)
{
	struct sp_place p = *parent;
	char number[24];

	snprintf(number, sizeof(number), "%zu", i);
	snprintf(p.name, sizeof(p.name), "%.90s[%s]", parent->name, number);
	add_pointer(p.pointer, sizeof(p.pointer), number);
	return p;
}

/* ---- problems ---- */

bool sp_invalid(struct sp_parse *c, const struct sp_place *p, json_t *value, json_t *limit, const char *fmt, ...)
{
	char message[280];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	sp_problem_add(c->ps, STATUS, "invalid_field", p->pointer, value, limit, "%s", message);
	return false;
}

bool sp_too_large(struct sp_parse *c, const struct sp_place *p, int64_t value, int64_t limit, const char *what, const char *key)
{
	sp_problem_add(c->ps, STATUS, "limit_too_large", p->pointer, json_integer(value), json_integer(limit),
	        "%s %s%s%" PRId64 "; this server allows at most %" PRId64 " (%s)", p->name, what, *what ? " " : "", value, limit, key);
	return false;
}

void sp_check_known(struct sp_parse *c, json_t *o, const struct sp_place *place, const char *const *known, size_t n)
{
	const char *key;
	json_t *v;

	json_object_foreach(o, key, v)
	{
		bool found = false;
		for (size_t i = 0; i < n && !found; i++) found = strcmp(key, known[i]) == 0;
		if (found) continue;
		/* What does not go into the list is not worth a search for what it resembles: there may be 100,000. */
		if (c->ps->n == SP_PROBLEMS_MAX) return;
		struct sp_place p = place ? sp_place_member(place, key) : sp_place_of(key);
		const char *near = sp_nearest(key, known, n);
		if (near)
			sp_problem_add(c->ps, STATUS, "unknown_field", p.pointer, NULL, NULL, "there is no field %s; did you mean %s?",
			        p.name, near);
		else
			sp_problem_add(c->ps, STATUS, "unknown_field", p.pointer, NULL, NULL, "there is no field %s", p.name);
	}
}

json_t *sp_given(json_t *o, const char *name)
{
	json_t *v = json_object_get(o, name);
	return json_is_null(v) ? NULL : v;
}

/* ---- typed values ---- */

static const char *type_of(const json_t *v)
{
	switch (json_typeof(v)) {
	case JSON_OBJECT: return "an object";
	case JSON_ARRAY: return "an array";
	case JSON_STRING: return "a string";
	case JSON_INTEGER: return "a number";
	case JSON_REAL: return "a number";
	case JSON_TRUE:
	case JSON_FALSE: return "a boolean";
	case JSON_NULL: return "null";
	}
	return "something else";
}

static bool wrong_type(struct sp_parse *c, const struct sp_place *p, json_t *v, const char *wanted)
{
	return sp_invalid(c, p, json_incref(v), NULL, "%s must be %s, not %s", p->name, wanted, type_of(v));
}

bool sp_take_bool(struct sp_parse *c, const struct sp_place *p, json_t *v, bool *out)
{
	if (!json_is_boolean(v)) return wrong_type(c, p, v, "true or false");
	*out = json_is_true(v);
	return true;
}

bool sp_take_text(struct sp_parse *c, const struct sp_place *p, json_t *v, const char **out, size_t *len)
{
	if (!json_is_string(v)) return wrong_type(c, p, v, "a string");
	*out = json_string_value(v);
	*len = json_string_length(v);
	if (strlen(*out) == *len) return true;
	sp_problem_add(c->ps, STATUS, "nul_in_text", p->pointer, NULL, NULL,
	        "%s contains U+0000, which text cannot carry; bytes go into files or stdin with the encoding base64", p->name);
	return false;
}

bool sp_take_integer(struct sp_parse *c, const struct sp_place *p, json_t *v, int64_t min, int64_t max, const char *max_key, int64_t *out)
{
	if (json_is_real(v))
		return sp_invalid(c, p, json_incref(v), NULL, "%s must be a whole number without fraction or exponent, not %.15g", p->name,
		        json_real_value(v));
	if (!json_is_integer(v)) return wrong_type(c, p, v, "a whole number");
	int64_t n = json_integer_value(v);
	if (n < min)
		return sp_invalid(
		        c, p, json_integer(n), json_integer(min), "%s is %" PRId64 "; it must be at least %" PRId64, p->name, n, min);
	if (n > max) return sp_too_large(c, p, n, max, "is", max_key);
	*out = n;
	return true;
}

bool sp_take_encoding(struct sp_parse *c, const struct sp_place *p, json_t *v, bool *base64)
{
	const char *s;
	size_t n;

	*base64 = false;
	if (!v) return true;
	if (!sp_take_text(c, p, v, &s, &n)) return false;
	*base64 = strcmp(s, "base64") == 0;
	if (*base64 || strcmp(s, "utf-8") == 0) return true;
	return sp_invalid(c, p, json_incref(v), NULL, "%s must be \"utf-8\" or \"base64\"", p->name);
}

/* Text that is too long for max is refused by its length before anything is copied. */
bool sp_take_bytes(struct sp_parse *c, const struct sp_place *p, json_t *v, const struct sp_place *ep, json_t *encoding, int64_t max,
        const char *key, struct sp_bytes *out)
{
	bool base64;
	const char *s;
	size_t n;

	if (!sp_take_encoding(c, ep, encoding, &base64) || !sp_take_text(c, p, v, &s, &n)) return false;
	if (!base64) {
		if (n > (size_t)max) return sp_too_large(c, p, (int64_t)n, max, "has a size in bytes of", key);
		*out = (struct sp_bytes){.p = sp_memdup0(s, n), .n = n};
		return true;
	}

	size_t decoded = n / 4 * 3;
	if (decoded > (size_t)max + 2) return sp_too_large(c, p, (int64_t)decoded, max, "has a size in bytes of", key);
	struct sp_buf b;
	sp_buf_init(&b, decoded + 1);
	if (sp_base64_decode(&b, s, n)) {
		bool no_memory = b.failed;
		sp_buf_fini(&b);
		if (no_memory) {
			sp_problem_add(c->ps, 503, "overloaded", NULL, NULL, NULL,
			        "there is no memory for the request; nothing was stored, try again");
			return false;
		}
		return sp_invalid(c, p, NULL, NULL, "%s is not base64 (RFC 4648, with padding, without line breaks)", p->name);
	}
	if (b.len > (size_t)max) {
		decoded = b.len;
		sp_buf_fini(&b);
		return sp_too_large(c, p, (int64_t)decoded, max, "has a size in bytes of", key);
	}
	out->p = sp_buf_steal(&b, &out->n);
	return true;
}
