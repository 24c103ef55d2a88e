/* SPDX-License-Identifier: MIT */
/* What requests bring, as far as several resources have it in common: JSON bodies, and the place in a list. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/internal.h"
#include "base/data.h"

static bool is_json(struct sp_http_request *r)
{
	const char *t = sp_http_header(r, "Content-Type");
	static const char json[] = "application/json";

	if (t && !strncasecmp(t, json, sizeof(json) - 1)) {
		t += sizeof(json) - 1;
		t += strspn(t, " \t");
		if (!*t || *t == ';') return true;
	}
	const char *host = sp_http_header(r, "Host");
	const struct sp_http_route *route = sp_http_route_of(r);
	const char *example = route && route->handler == sp_api_post_eval   ? "{\"code\":\"...\"}"
	                      : route && route->handler == sp_api_post_user ? "{\"email\":\"...\"}"
	                                                                    : "{}";
	sp_api_reply_problem(r, 415, "json_required",
	        "the body must be JSON with Content-Type: application/json; send it like this: curl --json '%s' http://%.100s%.100s",
	        example, host ? host : "127.0.0.1", sp_http_path(r));
	return false;
}

json_t *sp_api_take_json(struct sp_http_request *r)
{
	enum sp_json_fault fault;
	struct sp_err err = {0};
	size_t n;

	if (!is_json(r)) return NULL;
	const char *p = sp_http_body(r, &n);
	json_t *body = sp_json_parse(p, n, &fault, &err);
	if (!body)
		sp_api_reply_problem(r, 400, fault == SP_JSON_DUPLICATE ? "duplicate_key" : "invalid_json",
		        "the body is not acceptable JSON: %s", err.msg);
	return body;
}

json_t *sp_api_take_object(struct sp_http_request *r)
{
	json_t *body = sp_api_take_json(r);
	struct sp_problems ps = {0};

	if (!body || json_is_object(body)) return body;
	json_decref(body);
	sp_problem_add(&ps, 422, "invalid_field", "", NULL, NULL, "the body must be a JSON object");
	sp_api_reply_problems(r, &ps);
	return NULL;
}

bool sp_api_take_page(
        struct sp_http_request *r, enum sp_cursor_kind kind, size_t dflt, size_t max, size_t *limit, struct sp_id *before, bool *has_before)
{
	const char *l = sp_http_query(r, "limit"), *c = sp_http_query(r, "cursor");
	struct sp_problems ps = {0};

	*limit = dflt;
	*has_before = false;
	if (l) {
		size_t digits = strspn(l, "0123456789");
		long v = digits > 0 && digits <= 6 && !l[digits] ? strtol(l, NULL, 10) : 0;
		if (v < 1 || (size_t)v > max)
			sp_problem_add(&ps, 422, "invalid_field", "?limit", json_string(l), json_integer((json_int_t)max),
			        "limit is '%.40s'; it must be a whole number from 1 to %zu", l, max);
		*limit = (size_t)v;
	}
	if (c && !(*has_before = sp_cursor_parse(kind, c, before)))
		sp_problem_add(&ps, 400, "invalid_cursor", "?cursor", json_string(c), NULL,
		        "cursor is none that this list has given: take next_cursor of its last page as it is");
	if (ps.n == 0) return true;
	sp_api_reply_problems(r, &ps);
	return false;
}
