/* SPDX-License-Identifier: MIT */
/* Paths as they travel between the service and the box: relative to /box, of bytes. Both sides check them. Thread: any; no state. */
#ifndef SP_BOX_PATH_H
#define SP_BOX_PATH_H

#include <stdbool.h>
#include <stddef.h>

/* NULL for a path that names a place below the directory in one way only, else what is wrong ("is absolute"). Bounds: SP_BOX_PATH_MAX and _DEPTH_MAX. */
const char *sp_box_path_fault(const char *path, size_t n);

/*
 * Below, equal to or above 0, as strcmp(3), but with '/' before every other byte: "a", "a/b", "a-b". What is below a path comes directly after it, so one
 * look at the neighbour finds everything that is a file and a directory at once.
 */
int sp_box_path_order(const char *a, const char *b);
/* b is below the directory a. */
bool sp_box_path_below(const char *a, const char *b);

#endif
