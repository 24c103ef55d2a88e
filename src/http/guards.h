/* SPDX-License-Identifier: MIT */
/* What a request's header must be like before anything believes it. Pure functions over copies of what was sent. */
#ifndef SP_HTTP_GUARDS_H
#define SP_HTTP_GUARDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sp_http_field {
	const char *name, *value;
	size_t name_len, value_len;
};

/* How the body is framed. */
struct sp_http_framing {
	bool has_length, chunked, expect_continue;
	int64_t length; /* of a declared body; 0 without one */
};

/* A method is a token (RFC 9110 section 5.6.2). NULL when all is well, else one sentence for the sender. */
const char *sp_http_check_method(const char *method);

/* version: "HTTP/1.1". NULL when all is well, else one sentence for the sender about what is wrong. */
const char *sp_http_check_header(const struct sp_http_field *f, size_t n, const char *version, struct sp_http_framing *out);

/*
 * libmicrohttpd before 0.9.77 ends a value at a NUL, drops what follows, and joins folded lines: what was hidden is then only visible in the place where it parsed the header.
 * Walks that place, [method, method + header_size), in which it has put NULs over the separators, and checks that the fields lie in it without a gap. uri: where the target was when the request
 * line was read, uri_len its length. NULL when all is well.
 */
const char *sp_http_check_layout(const char *method, size_t header_size, const char *uri, size_t uri_len, const char *version,
        const struct sp_http_field *f, size_t n);

/* Whether the running library needs the check above, by its version text ("0.9.75"). */
bool sp_http_layout_needed(const char *library_version);

#endif
