/* SPDX-License-Identifier: MIT */
/*
 * GET /v1/evaluations/{id}/output, /stdout, /stderr: the bytes as the program wrote them. One range (RFC 9110 section 14) is answered with 206; of several, or of another unit, the whole is given, as the RFC allows. What an
 * ended evaluation has printed never changes, so its id and claim are a strong validator.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/evaluations.h"
#include "base/mem.h"

enum range { RANGE_NONE, RANGE_ONE, RANGE_OUTSIDE };

/* Digits as a number; more than there can be bytes is "very many". False: none. */
static bool take_number(const char **p, uint64_t *out)
{
	size_t digits = strspn(*p, "0123456789");

	if (digits == 0) return false;
	*out = digits > 18 ? UINT64_MAX / 2 : strtoull(*p, NULL, 10);
	*p += digits;
	return true;
}

static enum range take_range(const char *header, size_t size, size_t *from, size_t *n)
{
	uint64_t first = 0, last = 0;
	const char *p = header;

	*from = 0;
	*n = size;
	if (!p || strncasecmp(p, "bytes=", 6) != 0) return RANGE_NONE;
	p += 6;
	p += strspn(p, " \t");
	bool has_first = take_number(&p, &first);
	if (*p++ != '-') return RANGE_NONE;
	bool has_last = take_number(&p, &last);
	p += strspn(p, " \t");
	if (*p || (!has_first && !has_last) || (has_first && has_last && last < first)) return RANGE_NONE;
	if (!has_first) { /* the last so many */
		if (last == 0 || size == 0) return RANGE_OUTSIDE;
		*n = last < size ? (size_t)last : size;
		*from = size - *n;
		return RANGE_ONE;
	}
	if (first >= size) return RANGE_OUTSIDE;
	*from = (size_t)first;
	*n = has_last && last < size ? (size_t)(last - first) + 1 : size - *from;
	return RANGE_ONE;
}

/* Takes the bytes that the route names out of s. NULL with *n = 0: none. Free with free(). */
static char *take_stream(struct sp_stored *s, const char *which, size_t *n, bool *no_memory)
{
	struct sp_buf b;

	if (!strcmp(which, "output")) {
		char *p = s->data.output.p;
		*n = s->data.output.n;
		s->data.output = (struct sp_bytes){NULL, 0};
		return p;
	}
	sp_buf_init(&b, s->data.output.n + 1);
	/* What does not fit together was never written by us; there is nothing better to give than nothing. */
	if (sp_output_stream(&s->data.output, &s->data.segments, strcmp(which, "stderr") ? SP_STDOUT : SP_STDERR, &b) < 0) {
		*no_memory = b.failed;
		sp_buf_fini(&b);
	}
	return sp_buf_steal(&b, n);
}

static bool has_output(struct sp_http_request *r, const struct sp_stored *s)
{
	if (!sp_status_terminal(s->row.status)) {
		sp_http_add_header(r, "Retry-After", "1");
		sp_api_reply_problem(
		        r, 409, "not_ended", "the evaluation is %s; its output is there when it has ended", sp_status_name(s->row.status));
		return false;
	}
	if (!s->has_data) {
		sp_api_reply_problem(r, 410, "data_expired", "the output of this evaluation is not kept any more (retention.data)");
		return false;
	}
	return true;
}

void sp_api_get_output(struct sp_http_request *r, void *api)
{
	static const char *const known[] = {NULL};
	const char *which = strrchr(sp_http_route_of(r)->path, '/') + 1;
	struct sp_caller caller;
	struct sp_stored s = {0};
	size_t size, from, n;
	char id[SP_ID_TEXT], tag[SP_ID_TEXT + 48], text[80];

	if (!sp_api_caller(api, r, &caller) || !sp_api_check_query(r, known) || !sp_api_load(api, r, &caller, true, &s)) return;
	if (!has_output(r, &s)) {
		sp_stored_fini(&s);
		return;
	}
	sp_id_text(&s.row.id, id);
	snprintf(tag, sizeof(tag), "\"%s-%" PRId64 "-%s\"", id, s.row.claim_no, which);
	bool no_memory = false;
	sp_autofree char *bytes = take_stream(&s, which, &size, &no_memory);
	sp_stored_fini(&s);
	if (no_memory) {
		sp_api_reply_problem(r, 503, "overloaded", "there is no memory for the output, try again");
		return;
	}

	const char *if_range = sp_http_header(r, "If-Range");
	enum range range = take_range(!if_range || !strcmp(if_range, tag) ? sp_http_header(r, "Range") : NULL, size, &from, &n);
	if (range == RANGE_OUTSIDE) {
		snprintf(text, sizeof(text), "bytes */%zu", size);
		sp_http_add_header(r, "Content-Range", text);
		sp_api_reply_problem(r, 416, "range_not_satisfiable", "%s has %zu bytes; none of them is in the range", which, size);
		return;
	}
	sp_http_add_header(r, "ETag", tag);
	sp_http_add_header(r, "Accept-Ranges", "bytes");
	if (range == RANGE_ONE) {
		snprintf(text, sizeof(text), "bytes %zu-%zu/%zu", from, from + n - 1, size);
		sp_http_add_header(r, "Content-Range", text);
	}
	/* Whatever a program printed, no browser shall take it for a page of this site. */
	sp_http_add_header(r, "Content-Security-Policy", "sandbox");
	struct sp_http_text *t = sp_http_text_new(from == 0 && n == size ? sp_steal(&bytes) : sp_memdup0(bytes + from, n), n);
	sp_api_reply_text(r, range == RANGE_ONE ? 206 : 200, "application/octet-stream", t);
	sp_http_text_unref(t);
}
