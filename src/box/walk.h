/* SPDX-License-Identifier: MIT */
/*
 * What a collector does once it has given up all else: walks a tree that a program has written, and writes what the patterns match into a pipe, as records
 * (protocol.h). It trusts nothing in the tree, and needs nothing but openat2, statx, getdents64, read, write and close, on descriptors that it has.
 *
 * Nothing of the program lives any more, so what is looked at does not change. Should it all the same, then a file has fewer bytes than its record says.
 */
#ifndef SP_BOX_WALK_H
#define SP_BOX_WALK_H

#include <stddef.h>

#include "base/attr.h"
#include "box/pattern.h"
#include "box/protocol.h"

struct sp_walk {
	const struct sp_patterns *patterns;
	struct sp_box_collect limits; /* wall and cpu time are watched by others */
	int root; /* the directory, consumed; -1: it cannot be opened */
	int out; /* blocking */
	void *memory; /* for the names of the directories on the way to where it is; aligned for uint64_t */
	size_t size; /* at least 64, less than 4 GiB */
};

/* 0: everything is written, END included. -1 with errno: the pipe takes no more. Uses a large static buffer: one at a time in a process. */
int sp_walk_run(const struct sp_walk *w) SP_MUSTCHECK;

#endif
