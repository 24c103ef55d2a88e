/* SPDX-License-Identifier: MIT */
#include "box/path.h"

#include <string.h>

#include "box/protocol.h"

const char *sp_box_path_fault(const char *path, size_t n)
{
	unsigned depth = 1;
	size_t start = 0;

	if (n == 0) return "is empty";
	if (n > SP_BOX_PATH_MAX) return "is too long";
	if (memchr(path, 0, n)) return "has a NUL byte";
	if (path[0] == '/') return "is absolute";
	for (size_t i = 0; i <= n; i++) {
		if (i < n && path[i] != '/') continue;
		size_t len = i - start;
		if (len == 0) return "has an empty component";
		if (len > 255) return "has a component of more than 255 bytes";
		if (path[start] == '.' && (len == 1 || (len == 2 && path[start + 1] == '.'))) return "has a \".\" or \"..\" component";
		if (i < n && ++depth > SP_BOX_PATH_DEPTH_MAX) return "is too deep";
		start = i + 1;
	}
	return NULL;
}

static int rank(char c) { return c == 0 ? 0 : c == '/' ? 1 : (unsigned char)c + 1; }

int sp_box_path_order(const char *a, const char *b)
{
	for (; *a && *a == *b; a++, b++) {}
	return rank(*a) - rank(*b);
}

bool sp_box_path_below(const char *a, const char *b)
{
	size_t n = strlen(a);
	return strncmp(a, b, n) == 0 && b[n] == '/';
}
