/* SPDX-License-Identifier: MIT */
/*
 * A growing byte buffer with a ceiling. Adding past the ceiling (or out of memory) fails and sets `failed`, which stays set: a
 * caller may add many pieces and check once. `data` is always NUL-terminated one past `len` once anything was added (the NUL is not counted).
 */
#ifndef SP_BASE_BUF_H
#define SP_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

struct sp_buf {
	char *data; /* owned; NULL while empty */
	size_t len;
	bool failed;
	size_t _cap, _max;
};

void sp_buf_init(struct sp_buf *b, size_t max); /* max: most bytes that it may ever hold, at least 1 */
void sp_buf_fini(struct sp_buf *b); /* frees; the buffer may be initialised again */
int sp_buf_add(struct sp_buf *b, const void *p, size_t n);
int sp_buf_adds(struct sp_buf *b, const char *s);
int sp_buf_printf(struct sp_buf *b, const char *fmt, ...) SP_PRINTF(2, 3);
/* Room for at least n more bytes without adding them: returns where to write, or NULL. Then sp_buf_commit(n written). */
char *sp_buf_reserve(struct sp_buf *b, size_t n) SP_MUSTCHECK;
void sp_buf_commit(struct sp_buf *b, size_t n);
/* Takes the content out (free with free()); the buffer is empty afterwards. Never NULL: an empty buffer gives "". `failed` is kept; len may be NULL. */
char *sp_buf_steal(struct sp_buf *b, size_t *len);

#endif
