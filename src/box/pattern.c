/* SPDX-License-Identifier: MIT */
#include "box/pattern.h"

#include <string.h>

_Static_assert(SP_BOX_PATH_DEPTH_MAX < 64, "a state has one bit a part, and one more");

const char *sp_pattern_parse(struct sp_pattern *p, const char *text)
{
	size_t len = strnlen(text, SP_BOX_PATH_MAX + 1);

	*p = (struct sp_pattern){.text = text};
	if (len == 0) return "is empty";
	if (len > SP_BOX_PATH_MAX) return "is longer than 1024 bytes";
	if (text[0] == '/') return "is absolute: it must be relative to /box";
	for (size_t from = 0; from <= len;) {
		size_t n = strcspn(text + from, "/");
		const char *s = text + from;
		if (n == 0) return "has an empty part";
		if (n <= 2 && s[0] == '.' && s[n - 1] == '.') return "has a part \".\" or \"..\"";
		if (p->n == SP_BOX_PATH_DEPTH_MAX) return "has more than 32 parts";
		struct sp_pattern_part *part = &p->part[p->n++];
		*part = (struct sp_pattern_part){.at = (uint16_t)from, .len = (uint16_t)n, .deep = n == 2 && s[0] == '*' && s[1] == '*'};
		for (size_t i = 0; i < n && !part->deep; i++) {
			/* What else it could mean differs from program to program. */
			if (s[i] == '*' && i + 1 < n && s[i + 1] == '*') return "has \"**\" in a part with something else";
			if (s[i] == '\\' && ++i == n) return "has a \"\\\" with no character after it";
		}
		from += n + 1;
	}
	return NULL;
}

/* One element of a part other than "*" at *p against the beginning of *s; both move on if it matches. */
static bool match_one(const char **p, const char **s, const char *end)
{
	if (**p == '?') {
		(*p)++, (*s)++;
		for (int i = 0; i < 3 && *s < end && ((unsigned char)**s & 0xc0) == 0x80; i++) (*s)++;
		return true;
	}
	const char *c = **p == '\\' ? *p + 1 : *p;
	if (*c != **s) return false;
	*p = c + 1;
	(*s)++;
	return true;
}

/* Only the last "*" is ever gone back to: an earlier one can take nothing that a later one could not take as well. */
static bool match_part(const char *p, size_t plen, const char *s, size_t slen)
{
	const char *pend = p + plen, *send = s + slen, *star = NULL, *from = NULL;

	while (s < send) {
		if (p < pend && *p == '*') {
			star = ++p;
			from = s;
		} else if (p == pend || !match_one(&p, &s, send)) {
			if (!star) return false;
			p = star;
			s = ++from;
		}
	}
	while (p < pend && *p == '*') p++;
	return p == pend;
}

/* A "**" may stand for no directory at all; the last one is for what is below, so it has something to match. */
static uint64_t skip_deep(const struct sp_pattern *p, uint64_t state)
{
	for (unsigned i = 0; i + 1 < p->n; i++)
		if (p->part[i].deep && (state >> i & 1)) state |= UINT64_C(1) << (i + 1);
	return state;
}

uint64_t sp_pattern_start(const struct sp_pattern *p) { return skip_deep(p, 1); }

uint64_t sp_pattern_enter(const struct sp_pattern *p, uint64_t state, const char *name, size_t n)
{
	uint64_t next = 0;
	for (unsigned i = 0; i < p->n; i++) {
		const struct sp_pattern_part *part = &p->part[i];
		if (!(state >> i & 1)) continue;
		if (part->deep)
			next |= UINT64_C(1) << i | (i + 1 == p->n ? UINT64_C(1) << p->n : 0);
		else if (match_part(p->text + part->at, part->len, name, n))
			next |= UINT64_C(1) << (i + 1);
	}
	return skip_deep(p, next);
}

bool sp_pattern_matches(const struct sp_pattern *p, const char *path)
{
	uint64_t state = sp_pattern_start(p);
	for (;;) {
		size_t n = strcspn(path, "/");
		state = sp_pattern_enter(p, state, path, n);
		if (!path[n]) return sp_pattern_full(p, state);
		path += n + 1;
	}
}

const char *sp_patterns_parse(struct sp_patterns *s, const void *bytes, size_t n, unsigned *which)
{
	const unsigned char *head = bytes;
	uint32_t word[2] = {0, 0};

	*which = 0;
	s->n = 0;
	for (size_t i = 0; i < 8 && n >= 8; i++) word[i / 4] |= (uint32_t)head[i] << 8 * (i % 4);
	if (word[0] != SP_BOX_REQUEST_MAGIC) return "the request has no header";
	if (word[1] < 1 || word[1] > SP_BOX_PATTERNS_MAX) return "the request has no patterns, or more than 64";
	const char *p = (const char *)bytes + 8, *end = (const char *)bytes + n;
	for (uint32_t i = 0; i < word[1]; i++) {
		const char *nul = memchr(p, 0, (size_t)(end - p));
		if (!nul) return "the request ends inside a pattern";
		const char *fault = sp_pattern_parse(&s->one[i], p);
		if (fault) {
			*which = i + 1;
			return fault;
		}
		p = nul + 1;
	}
	if (p != end) return "the request has bytes after its last pattern";
	s->n = word[1];
	return NULL;
}
