/* SPDX-License-Identifier: MIT */
/* Paths that come from outside and that name files below /box. */
#ifndef SP_CORE_PATH_H
#define SP_CORE_PATH_H

#include <stddef.h>

#define SP_PATH_LEN_MAX 1024
#define SP_PATH_PART_MAX 255
#define SP_PATH_DEPTH_MAX 32

/* NULL when the n bytes are a relative path that a workspace accepts, else what is wrong with it, to be put after "is": "absolute; …". Static text. */
const char *sp_path_fault(const char *path, size_t n);
/* Orders paths so that everything below a path follows it at once; 0 when equal. NUL-terminated. */
int sp_path_compare(const char *a, const char *b);
/* Is b somewhere below a ("a" and "a/b")? */
int sp_path_below(const char *a, const char *b);

#endif
