/* SPDX-License-Identifier: MIT */
/* Compiler attributes that the whole tree uses, and the cleanup helpers for ownership. */
#ifndef SP_BASE_ATTR_H
#define SP_BASE_ATTR_H

#include <stdlib.h>
#include <unistd.h>

#define SP_MUSTCHECK __attribute__((warn_unused_result))
#define SP_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define SP_NORETURN __attribute__((noreturn))
#define SP_UNUSED __attribute__((unused))
#define SP_COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Frees the pointed-to heap block when the variable leaves its scope. Hand the block out with sp_steal(). */
static inline void sp_cleanup_free(void *p) { free(*(void **)p); }
#define sp_autofree __attribute__((cleanup(sp_cleanup_free)))

/* Closes the descriptor when the variable leaves its scope; -1 is "none". Hand it out with sp_steal_fd(). */
static inline void sp_cleanup_close(int *fd)
{
	if (*fd >= 0) close(*fd);
}
#define sp_autoclose __attribute__((cleanup(sp_cleanup_close)))

/* Takes the value out of an owning variable: sp_steal(&p) is the old p, and p is NULL afterwards. */
#define sp_steal(pp) \
	({ \
		__typeof__(*(pp)) _v = *(pp); \
		*(pp) = NULL; \
		_v; \
	})

static inline int sp_steal_fd(int *fd)
{
	int v = *fd;
	*fd = -1;
	return v;
}

#endif
