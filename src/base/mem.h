/* SPDX-License-Identifier: MIT */
/*
 * Memory. Sizes that we choose abort when there is none (sp_alloc and friends never return NULL); sizes that a peer, a
 * program or a file chooses go through struct sp_buf or sp_try_alloc, are capped, and may fail.
 */
#ifndef SP_BASE_MEM_H
#define SP_BASE_MEM_H

#include <stddef.h>

#include "base/attr.h"

/* Says so on stderr and aborts. For what would be wrong rather than refused: a result or a request with a part missing. The next process goes on with all that was accepted. */
void sp_out_of_memory(void) SP_NORETURN;

/* n bytes, not zeroed; aborts. The allocator of libraries that build one thing out of many small ones and tell of no memory at each of them (main() gives it to jansson). */
void *sp_alloc(size_t n);
/* n*size zeroed bytes; aborts on overflow or out of memory. Free with free(). */
void *sp_calloc(size_t n, size_t size);
#define sp_new(type) ((type *)sp_calloc(1, sizeof(type)))

void *sp_realloc(void *p, size_t n, size_t size); /* like reallocarray; aborts on failure; new bytes are not zeroed */
char *sp_strdup(const char *s); /* NULL stays NULL */
char *sp_memdup0(const void *p, size_t n); /* n bytes and a terminating NUL */
char *sp_asprintf(const char *fmt, ...) SP_PRINTF(1, 2);

/* n bytes, not zeroed, or NULL. For sizes that come from outside. */
void *sp_try_alloc(size_t n) SP_MUSTCHECK;

#endif
