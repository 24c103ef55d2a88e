/* SPDX-License-Identifier: MIT */
/* The target of a request, taken apart, and which route it fits. Pure functions. */
#ifndef SP_HTTP_ROUTE_H
#define SP_HTTP_ROUTE_H

#include <stdbool.h>
#include <stddef.h>

#include "http/server.h"

#define SP_HTTP_PARAMS_MAX 4
#define SP_HTTP_QUERY_MAX 64

struct sp_http_pair {
	const char *name, *value;
};

struct sp_http_target {
	char *text; /* owned; what the pointers below point into */
	char *path; /* as sent, without the query, also of one that is wrong */
	struct sp_http_pair query[SP_HTTP_QUERY_MAX]; /* decoded */
	size_t nquery;
};

struct sp_http_params {
	struct sp_http_pair list[SP_HTTP_PARAMS_MAX]; /* names borrowed from `text`, as the values */
	size_t n;
	char *text; /* owned */
};

/* Takes "/path?a=b" or "http://host/path?a=b" apart. NULL when all is well, else what is wrong with it. Free with sp_http_target_fini either way. */
const char *sp_http_target_parse(struct sp_http_target *t, const char *raw);
void sp_http_target_fini(struct sp_http_target *t);

enum sp_http_match { SP_HTTP_MATCH, SP_HTTP_NO_PATH, SP_HTTP_NO_METHOD, SP_HTTP_BAD_ESCAPE };
/* The first route of the table that fits; params as in its path. NO_METHOD: allowed (room for 128 bytes) says which methods the path has: "GET, HEAD". */
enum sp_http_match sp_http_route_find(const struct sp_http_route *routes, size_t n, const char *method, const char *path,
        const struct sp_http_route **out, struct sp_http_params *params, char allowed[128]);
void sp_http_params_fini(struct sp_http_params *p);

/* Decodes %XX (and with plus, '+' to blank) in place. false: an escape is broken or is %00. */
bool sp_http_unescape(char *s, bool plus);

#endif
