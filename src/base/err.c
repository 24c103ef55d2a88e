/* SPDX-License-Identifier: MIT */
#include "base/err.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

static void vformat(char *out, size_t size, const char *fmt, va_list ap) __attribute__((format(printf, 3, 0)));

static void vformat(char *out, size_t size, const char *fmt, va_list ap)
{
	if (vsnprintf(out, size, fmt, ap) < 0) out[0] = '\0';
}

/* Appends to a full-size message as much as has room. */
static void append(char *out, size_t size, const char *s)
{
	size_t have = strlen(out), n = strlen(s);

	if (n > size - 1 - have) n = size - 1 - have;
	memcpy(out + have, s, n);
	out[have + n] = '\0';
}

int sp_fail(struct sp_err *err, enum sp_code code, int errnum, const char *fmt, ...)
{
	if (!err) return -1;

	/* Formatted aside: an argument may be err->msg itself. */
	char msg[sizeof(err->msg)];
	va_list ap;
	va_start(ap, fmt);
	vformat(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	if (errnum) {
		char why[64];
		const char *text = strerror_r(errnum, why, sizeof(why));
		append(msg, sizeof(msg), ": ");
		append(msg, sizeof(msg), text);
	}
	/* Messages travel into JSON answers and logs, where text that is not UTF-8 would be refused as a whole; a path from outside or a cut at the
	 * end of the buffer may have broken it. */
	sp_utf8_mend(msg);

	err->code = code;
	err->errnum = errnum;
	err->retryable = code == SP_E_UNAVAILABLE || code == SP_E_TIMEOUT;
	memcpy(err->msg, msg, sizeof(msg));
	return -1;
}

int sp_wrap(struct sp_err *err, const char *fmt, ...)
{
	if (!err) return -1;

	char msg[sizeof(err->msg)];
	va_list ap;
	va_start(ap, fmt);
	vformat(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	append(msg, sizeof(msg), ": ");
	append(msg, sizeof(msg), err->msg);
	sp_utf8_mend(msg);

	/* A callee that failed without a reason is a bug of ours and must not read as success. */
	if (err->code == SP_OK) err->code = SP_E_INTERNAL;
	memcpy(err->msg, msg, sizeof(msg));
	return -1;
}

const char *sp_code_name(enum sp_code code)
{
	static const char *const names[SP_E_COUNT_] = {
	        [SP_OK] = "ok",
	        [SP_E_INVALID] = "invalid",
	        [SP_E_NOT_FOUND] = "not_found",
	        [SP_E_CONFLICT] = "conflict",
	        [SP_E_LIMIT] = "limit",
	        [SP_E_IO] = "io",
	        [SP_E_PROTOCOL] = "protocol",
	        [SP_E_TIMEOUT] = "timeout",
	        [SP_E_UNAVAILABLE] = "unavailable",
	        [SP_E_CANCELED] = "canceled",
	        [SP_E_UNSUPPORTED] = "unsupported",
	        [SP_E_INTERNAL] = "internal",
	};

	if ((unsigned)code >= SP_E_COUNT_) return "unknown";
	return names[code];
}

void sp_bug(const char *file, int line, const char *what)
{
	dprintf(STDERR_FILENO, "serapis: bug at %s:%d: %s\n", file, line, what);
	abort();
}
