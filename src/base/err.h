/* SPDX-License-Identifier: MIT */
/*
 * Errors of ours ("we failed"), by value, as the last parameter of every function that can fail.
 *
 * Convention: a failing function returns -1 or NULL and fills *err; on success *err is untouched. `err` may be NULL
 * when the caller needs no reason. How a *program* ended is never an error (see runtime/runtime.h), and what a *caller
 * of the API* did wrong is a problem list (core/problem.h).
 */
#ifndef SP_BASE_ERR_H
#define SP_BASE_ERR_H

#include <stdarg.h>
#include <stdbool.h>

#include "base/attr.h"

enum sp_code {
	SP_OK = 0,
	SP_E_INVALID, /* an argument or a configuration value is not acceptable */
	SP_E_NOT_FOUND, /* the thing named does not exist */
	SP_E_CONFLICT, /* it exists already, or another has it */
	SP_E_LIMIT, /* a bound was reached */
	SP_E_IO, /* a read, write or system call failed; errnum says why */
	SP_E_PROTOCOL, /* the other side broke the protocol */
	SP_E_TIMEOUT, /* it did not happen in time */
	SP_E_UNAVAILABLE, /* a part we need is away; trying again later may help */
	SP_E_CANCELED, /* somebody asked us to stop */
	SP_E_UNSUPPORTED, /* this host or build cannot do it */
	SP_E_INTERNAL, /* a bug of ours */
	SP_E_COUNT_ /* number of codes; not a code */
};

struct sp_err {
	enum sp_code code;
	int errnum; /* errno at the moment of failure, or 0 */
	bool retryable; /* the same call may succeed later without any change by the caller */
	char msg[512]; /* for people: outermost context first; always valid UTF-8 */
};

/* Fills *err and returns -1. `retryable` is derived from the code: UNAVAILABLE and TIMEOUT are. A nonzero errnum adds
 * ": <strerror>" to the message. Read errno before any cleanup and pass it in. */
int sp_fail(struct sp_err *err, enum sp_code code, int errnum, const char *fmt, ...) SP_PRINTF(4, 5);

/* Puts context in front of an error that a callee has filled in, keeps its code, and returns -1. */
int sp_wrap(struct sp_err *err, const char *fmt, ...) SP_PRINTF(2, 3);

/* Stable lower-case name of a code ("not_found"); "unknown" outside the range. Never NULL. */
const char *sp_code_name(enum sp_code code);

/* A broken invariant of ours: prints place and text to stderr and aborts. */
void sp_bug(const char *file, int line, const char *what) SP_NORETURN;
#define SP_BUG_ON(cond) \
	do { \
		if (cond) sp_bug(__FILE__, __LINE__, #cond); \
	} while (0)

#endif
