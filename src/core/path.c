/* SPDX-License-Identifier: MIT */
#include "core/path.h"

#include <string.h>

/* The bounds are those of the box (box/protocol.h), so that what is accepted here is never refused there. */
const char *sp_path_fault(const char *path, size_t n)
{
	int depth = 0;

	if (n == 0) return "empty";
	if (n > SP_PATH_LEN_MAX) return "longer than 1024 bytes";
	if (memchr(path, '\0', n)) return "text with U+0000, which no path can hold";
	if (path[0] == '/') return "absolute; give it relative to the working directory";
	for (size_t from = 0; from <= n;) {
		const char *slash = memchr(path + from, '/', n - from);
		size_t len = slash ? (size_t)(slash - path) - from : n - from;

		if (len == 0) return "a path with an empty component";
		if (len > SP_PATH_PART_MAX) return "a path with a component longer than 255 bytes";
		if (len == 1 && path[from] == '.') return "a path with the component \".\"";
		if (len == 2 && path[from] == '.' && path[from + 1] == '.') return "a path with the component \"..\"";
		if (++depth > SP_PATH_DEPTH_MAX) return "nested deeper than 32 components";
		from += len + 1;
	}
	return NULL;
}

/* '/' sorts before every other byte: "a", "a/b", "a-b". With plain strcmp(3) "a-b" would come between a path and what lies below it. */
static unsigned rank(char c) { return c == '\0' ? 0 : c == '/' ? 1 : (unsigned)(unsigned char)c + 1; }

int sp_path_compare(const char *a, const char *b)
{
	while (*a && *a == *b) a++, b++;
	unsigned x = rank(*a), y = rank(*b);
	return x < y ? -1 : x > y;
}

int sp_path_below(const char *a, const char *b)
{
	size_t n = strlen(a);
	return strncmp(a, b, n) == 0 && b[n] == '/';
}
