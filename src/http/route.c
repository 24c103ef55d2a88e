/* SPDX-License-Identifier: MIT */
#include "http/route.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

static int hex(char c)
{
	if (c >= '0' && c <= '9') return c - '0';
	if (c >= 'a' && c <= 'f') return c - 'a' + 10;
	if (c >= 'A' && c <= 'F') return c - 'A' + 10;
	return -1;
}

bool sp_http_unescape(char *s, bool plus)
{
	char *to = s;

	for (; *s; s++) {
		if (*s == '%') {
			int a = hex(s[1]), b = a < 0 ? -1 : hex(s[2]);
			if (b < 0 || a * 16 + b == 0) return false;
			*to++ = (char)(a * 16 + b);
			s += 2;
		} else {
			*to++ = plus && *s == '+' ? ' ' : *s;
		}
	}
	*to = '\0';
	return true;
}

static const char *parse_query(struct sp_http_target *t, char *q)
{
	char *next;

	for (; q; q = next) {
		next = strchr(q, '&');
		if (next) *next++ = '\0';
		if (!*q) continue;
		if (t->nquery == SP_HTTP_QUERY_MAX) return "the query has too many parameters";
		char *value = strchr(q, '=');
		if (value)
			*value++ = '\0';
		else
			value = q + strlen(q);
		if (!sp_http_unescape(q, true) || !sp_http_unescape(value, true)) return "the query has a broken percent escape";
		t->query[t->nquery++] = (struct sp_http_pair){q, value};
	}
	return NULL;
}

const char *sp_http_target_parse(struct sp_http_target *t, const char *raw)
{
	*t = (struct sp_http_target){.text = sp_strdup(raw)};
	t->path = t->text;
	/* Before anything is found wrong: the path is logged, and the query must not be. */
	char *q = strpbrk(t->text, "?#");
	bool fragment = strchr(t->text, '#');
	if (q) {
		bool query = *q == '?';
		*q++ = '\0';
		if (!query) q = NULL;
	}
	/* The absolute form that RFC 9112 section 3.2.2 makes every server accept. Who is called, and with which password, is not for the log either. */
	size_t scheme = !strncasecmp(t->text, "http://", 7) ? 7 : !strncasecmp(t->text, "https://", 8) ? 8 : 0;
	if (scheme) t->path = t->text + scheme + strcspn(t->text + scheme, "/");
	for (const char *p = raw; *p; p++) {
		if ((unsigned char)*p <= 0x20 || (unsigned char)*p >= 0x7f)
			return "the target has a character that must be percent-encoded";
	}
	if (scheme && *t->path != '/') return "the target has no path";
	if (!scheme && *raw != '/' && strcmp(raw, "*") != 0) return "the target does not begin with '/'";
	if (fragment) return "the target has a fragment";
	return parse_query(t, q);
}

void sp_http_target_fini(struct sp_http_target *t)
{
	free(t->text);
	*t = (struct sp_http_target){0};
}

void sp_http_params_fini(struct sp_http_params *p)
{
	free(p->text);
	*p = (struct sp_http_params){0};
}

/* Whether the path has the form of the route's; the segments stay encoded. */
static bool path_fits(const char *pattern, const char *path)
{
	while (*pattern && *path) {
		if (*pattern == '{') {
			size_t n = strcspn(path, "/");
			if (n == 0) return false;
			path += n;
			pattern = strchr(pattern, '}') + 1;
		} else if (*pattern++ != *path++) {
			return false;
		}
	}
	return !*pattern && !*path;
}

static bool take_params(const char *pattern, const char *path, struct sp_http_params *out)
{
	size_t room = strlen(pattern) + strlen(path) + 2 * SP_HTTP_PARAMS_MAX;
	char *to = out->text = sp_calloc(1, room);

	while (*pattern) {
		if (*pattern != '{') {
			pattern++;
			path++;
			continue;
		}
		size_t name = strcspn(pattern + 1, "}"), value = strcspn(path, "/");
		SP_BUG_ON(out->n == SP_HTTP_PARAMS_MAX);
		struct sp_http_pair *p = &out->list[out->n++];
		p->name = to;
		memcpy(to, pattern + 1, name);
		to += name + 1;
		p->value = to;
		memcpy(to, path, value);
		if (!sp_http_unescape(to, false)) return false;
		to += value + 1;
		pattern += name + 2;
		path += value;
	}
	return true;
}

static bool method_fits(const char *have, const char *asked)
{
	return !strcmp(have, asked) || (!strcmp(have, "GET") && !strcmp(asked, "HEAD"));
}

enum sp_http_match sp_http_route_find(const struct sp_http_route *routes, size_t n, const char *method, const char *path,
        const struct sp_http_route **out, struct sp_http_params *params, char allowed[128])
{
	size_t len = 0;

	allowed[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		if (!path_fits(routes[i].path, path)) continue;
		if (method_fits(routes[i].method, method)) {
			*out = &routes[i];
			return take_params(routes[i].path, path, params) ? SP_HTTP_MATCH : SP_HTTP_BAD_ESCAPE;
		}
		int w = snprintf(allowed + len, 128 - len, "%s%s%s", len ? ", " : "", routes[i].method,
		        !strcmp(routes[i].method, "GET") ? ", HEAD" : "");
		SP_BUG_ON(w < 0 || (size_t)w >= 128 - len);
		len += (size_t)w;
	}
	return len ? SP_HTTP_NO_METHOD : SP_HTTP_NO_PATH;
}
