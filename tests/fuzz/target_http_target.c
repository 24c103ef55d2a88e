/* SPDX-License-Identifier: MIT */
/*
 * src/http/route.c: the target of a request and the routes. The input is a method, a blank, and the target as it was sent.
 *
 * Holds: what is accepted has a path without query and fragment, and queries and parameters that are what a second decoder makes of the text, none of them empty that must not be, none with a NUL;
 * the route that is found is the one that a slow comparison finds.
 */
#include "fuzz.h"

#include <strings.h>

#include "http/route.h"

static void handler(struct sp_http_request *r, void *cls) {}

static const struct sp_http_route routes[] = {
        {.method = "GET", .path = "/", .handler = handler},
        {.method = "POST", .path = "/v1/evaluations", .handler = handler},
        {.method = "GET", .path = "/v1/evaluations/{id}", .handler = handler},
        {.method = "DELETE", .path = "/v1/evaluations/{id}", .handler = handler},
        {.method = "GET", .path = "/v1/evaluations/{id}/events", .handler = handler},
        {.method = "PUT", .path = "/{a}/x/{b}/{c}/{d}", .handler = handler},
        {.method = "GET", .path = "/{a}/x/y", .handler = handler},
};

static int hex(char c)
{
	const char *all = "0123456789abcdef", *at = c ? strchr(all, c >= 'A' && c <= 'F' ? c + 32 : c) : NULL;
	return at ? (int)(at - all) : -1;
}

/* Is `got` the decoded form of the n bytes at s? */
static bool decodes_to(const char *s, size_t n, bool plus, const char *got)
{
	for (size_t i = 0; i < n; i++, got++) {
		char c = plus && s[i] == '+' ? ' ' : s[i];
		if (s[i] == '%') {
			if (n - i < 3 || hex(s[i + 1]) < 0 || hex(s[i + 2]) < 0) return false;
			c = (char)(hex(s[i + 1]) * 16 + hex(s[i + 2]));
			i += 2;
		}
		if (!c || *got != c) return false;
	}
	return !*got;
}

static void check_query(const struct sp_http_target *t, const char *raw)
{
	const char *q = strchr(raw, '?');
	size_t k = 0;

	for (q = q ? q + 1 : ""; *q;) {
		size_t n = strcspn(q, "&"), name = 0;
		while (name < n && q[name] != '=') name++;
		if (n) {
			FZ_CHECK(k < t->nquery);
			FZ_CHECK(decodes_to(q, name, true, t->query[k].name));
			FZ_CHECK(decodes_to(q + name + (name < n), n - name - (name < n), true, t->query[k].value));
			k++;
		}
		q += n + (q[n] == '&');
	}
	FZ_CHECK(k == t->nquery);
}

/* Whether the path fits, segment by segment; the values are compared with what was found. */
static bool fits(const char *pattern, const char *path, const struct sp_http_params *found)
{
	size_t k = 0;

	for (;;) {
		size_t a = strcspn(pattern, "/"), b = strcspn(path, "/");
		if (pattern[0] == '{') {
			if (b == 0) return false;
			if (found) {
				const struct sp_http_pair *p = &found->list[k++];
				FZ_CHECK(strlen(p->name) == a - 2 && strncmp(p->name, pattern + 1, a - 2) == 0);
				FZ_CHECK(*p->value && decodes_to(path, b, false, p->value));
			}
		} else if (a != b || strncmp(pattern, path, a) != 0) {
			return false;
		}
		pattern += a;
		path += b;
		if (!*pattern || !*path) break;
		pattern++;
		path++;
	}
	if (found) FZ_CHECK(k == found->n);
	return !*pattern && !*path;
}

static void check_route(const char *method, const char *path)
{
	const struct sp_http_route *route = NULL, *want = NULL;
	struct sp_http_params params = {0};
	char allowed[128];
	bool any = false;

	enum sp_http_match m = sp_http_route_find(routes, SP_COUNT(routes), method, path, &route, &params, allowed);
	for (size_t i = 0; i < SP_COUNT(routes) && !want; i++) {
		if (!fits(routes[i].path, path, NULL)) continue;
		any = true;
		const char *have = routes[i].method;
		if (strcmp(have, method) == 0 || (strcmp(have, "GET") == 0 && strcmp(method, "HEAD") == 0)) want = &routes[i];
	}
	FZ_CHECK((m == SP_HTTP_MATCH || m == SP_HTTP_BAD_ESCAPE) == (want != NULL));
	FZ_CHECK((m == SP_HTTP_NO_METHOD) == (any && !want));
	if (m == SP_HTTP_MATCH) FZ_CHECK(route == want && fits(route->path, path, &params));
	if (m == SP_HTTP_NO_METHOD) {
		for (const char *a = allowed; *a; a += strspn(a, ", ")) {
			size_t n = strcspn(a, ",");
			FZ_CHECK(n && !(n == strlen(method) && strncmp(a, method, n) == 0));
			a += n;
		}
	}
	sp_http_params_fini(&params);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fz z = {data, size}, m = fz_until(&z, ' ');
	sp_autofree char *method = fz_text(m.p, m.n < 23 ? m.n : 23);
	sp_autofree char *raw = fz_text(z.p, z.n);
	struct sp_http_target t;
	const char *wrong = sp_http_target_parse(&t, raw);

	if (wrong) {
		fz_check_message(wrong);
		sp_http_target_fini(&t);
		return 0;
	}
	for (const char *p = raw; *p; p++) FZ_CHECK((unsigned char)*p > 0x20 && (unsigned char)*p < 0x7f);
	FZ_CHECK((t.path[0] == '/' || strcmp(t.path, "*") == 0) && !strpbrk(t.path, "?#"));
	size_t scheme = strncasecmp(raw, "http://", 7) == 0 ? 7 : strncasecmp(raw, "https://", 8) == 0 ? 8 : 0;
	FZ_CHECK(scheme || strncmp(raw, t.path, strlen(t.path)) == 0);
	FZ_CHECK(t.nquery <= SP_HTTP_QUERY_MAX);
	check_query(&t, raw);
	check_route(method, t.path);
	sp_http_target_fini(&t);
	return 0;
}
