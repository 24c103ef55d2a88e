/* SPDX-License-Identifier: MIT */
/*
 * src/box/pattern.c and path.c: what is collected. The input is a pattern, a NUL, and paths, each ended by a NUL; all of it is also taken for the request memfd.
 *
 * Holds: what is matched is what trying all ways matches; the walk down the tree agrees, and leaves out no directory that something matches below; the order of paths is one, with everything below a path behind it.
 */
#include "fuzz.h"

#include "box/path.h"
#include "box/pattern.h"

#define PATHS_MAX 8
/* Trying all ways takes time that grows with both: longer ones are only parsed. */
#define TRIED_MAX 48

static size_t character(const char *s, const char *end)
{
	size_t n = 1;
	while (n < 4 && s + n < end && ((unsigned char)s[n] & 0xc0) == 0x80) n++;
	return n;
}

static bool part_fits(const char *p, const char *pend, const char *s, const char *send)
{
	if (p == pend) return s == send;
	if (*p == '*') return part_fits(p + 1, pend, s, send) || (s < send && part_fits(p, pend, s + 1, send));
	if (s == send) return false;
	if (*p == '?') return part_fits(p + 1, pend, s + character(s, send), send);
	if (*p == '\\') p++;
	return *p == *s && part_fits(p + 1, pend, s + 1, send);
}

/* Part by part; "**" takes any number of them. */
static bool fits(const char *pattern, const char *path)
{
	const char *pend = pattern + strcspn(pattern, "/"), *send = path + strcspn(path, "/");

	if (pend - pattern == 2 && strncmp(pattern, "**", 2) == 0) {
		if (!*pend) return true;
		return fits(pend + 1, path) || (*send && fits(pattern, send + 1));
	}
	if (!part_fits(pattern, pend, path, send)) return false;
	if (!*pend || !*send) return !*pend && !*send;
	return fits(pend + 1, send + 1);
}

static void check_walk(const struct sp_pattern *p, const char *path, bool matches)
{
	uint64_t state = sp_pattern_start(p);

	for (const char *s = path;;) {
		size_t n = strcspn(s, "/");
		FZ_CHECK(!matches || sp_pattern_open(p, state)); /* or the walk would not have come here */
		state = sp_pattern_enter(p, state, s, n);
		FZ_CHECK(state >> (p->n + 1) == 0);
		if (!s[n]) break;
		s += n + 1;
	}
	FZ_CHECK(sp_pattern_full(p, state) == matches);
}

static void check_order(char *const *paths, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < n; k++) {
			const char *a = paths[i], *b = paths[k];
			int order = sp_box_path_order(a, b);
			FZ_CHECK((order < 0) == (sp_box_path_order(b, a) > 0) && (order == 0) == (strcmp(a, b) == 0));
			bool below = strncmp(a, b, strlen(b)) == 0 && a[strlen(b)] == '/';
			FZ_CHECK(sp_box_path_below(b, a) == below && (!below || order > 0));
			for (size_t m = 0; m < n; m++) {
				const char *c = paths[m];
				if (order <= 0 && sp_box_path_order(b, c) <= 0) FZ_CHECK(sp_box_path_order(a, c) <= 0);
				/* Nothing comes between a directory and what is below it but what is below it. */
				if (sp_box_path_below(a, c) && order < 0 && sp_box_path_order(b, c) < 0) FZ_CHECK(sp_box_path_below(a, b));
			}
		}
}

static void check_request(const uint8_t *data, size_t size)
{
	sp_autofree void *bytes = fz_exact(data, size);
	static struct sp_patterns all;
	unsigned which = 99;

	const char *fault = sp_patterns_parse(&all, bytes, size, &which);
	if (fault) {
		fz_check_message(fault);
		FZ_CHECK(which <= SP_BOX_PATTERNS_MAX && all.n == 0);
		return;
	}
	FZ_CHECK(which == 0 && all.n >= 1 && all.n <= SP_BOX_PATTERNS_MAX);
	size_t total = 8;
	for (unsigned i = 0; i < all.n; i++) total += strlen(all.one[i].text) + 1;
	FZ_CHECK(total == size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fz z = {data, size}, first = fz_until(&z, 0);
	sp_autofree char *text = fz_text(first.p, first.n);
	char *paths[PATHS_MAX];
	struct sp_pattern p;
	size_t n = 0;

	check_request(data, size);
	while (z.n && n < PATHS_MAX) {
		struct fz one = fz_until(&z, 0);
		if (!sp_box_path_fault((const char *)one.p, one.n)) paths[n++] = fz_text(one.p, one.n);
	}
	check_order(paths, n);
	const char *fault = sp_pattern_parse(&p, text);
	if (fault) {
		fz_check_message(fault);
	} else {
		FZ_CHECK(p.n >= 1 && p.n <= SP_BOX_PATH_DEPTH_MAX);
		for (size_t i = 0; i < n; i++) {
			bool matches = sp_pattern_matches(&p, paths[i]);
			check_walk(&p, paths[i], matches);
			if (strlen(text) <= TRIED_MAX && strlen(paths[i]) <= TRIED_MAX) FZ_CHECK(matches == fits(text, paths[i]));
		}
	}
	for (size_t i = 0; i < n; i++) free(paths[i]);
	return 0;
}
