/* SPDX-License-Identifier: MIT */
/*
 * Which files are collected: patterns over paths relative to /box, matched part by part. Both sides use them, the collector to find files and the service
 * to refuse a pattern with a reason, and a file that nobody asked for. Thread: any; no state.
 *
 *     *     within a part: any bytes, none too, a leading dot included
 *     ?     one character: a byte and the bytes 0x80–0xbf after it, three at most
 *     **    as a whole part: any number of directories, none too; as the last part: everything below, at any depth
 *     \c    the character c itself
 *
 * Everything else stands for itself, so that a path without these is a pattern for itself. A pattern matches files, never directories.
 */
#ifndef SP_BOX_PATTERN_H
#define SP_BOX_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "box/protocol.h"

struct sp_pattern {
	const char *text; /* borrowed */
	unsigned n;
	struct sp_pattern_part {
		uint16_t at, len;
		bool deep; /* "**" */
	} part[SP_BOX_PATH_DEPTH_MAX];
};

struct sp_patterns {
	unsigned n;
	struct sp_pattern one[SP_BOX_PATTERNS_MAX];
};

/* NULL, or what is wrong with it ("is absolute"). The text must outlive *p. */
const char *sp_pattern_parse(struct sp_pattern *p, const char *text) SP_MUSTCHECK;

/*
 * A walk down a tree: bit i of a state says that parts 0..i-1 have matched the path so far, bit n that the path is matched as a file's. A directory whose
 * state is not "open" can be left out with all that is below it.
 */
uint64_t sp_pattern_start(const struct sp_pattern *p);
uint64_t sp_pattern_enter(const struct sp_pattern *p, uint64_t state, const char *name, size_t n); /* name: one part of the path */
static inline bool sp_pattern_full(const struct sp_pattern *p, uint64_t state) { return state >> p->n & 1; }
static inline bool sp_pattern_open(const struct sp_pattern *p, uint64_t state) { return state & ((UINT64_C(1) << p->n) - 1); }

bool sp_pattern_matches(const struct sp_pattern *p, const char *path); /* path: a file's, relative */

/* The request memfd (protocol.h). NULL, or what is wrong with it; *which is then the pattern's number from 1, or 0. The bytes must outlive *s. */
const char *sp_patterns_parse(struct sp_patterns *s, const void *bytes, size_t n, unsigned *which) SP_MUSTCHECK;

#endif
