/* SPDX-License-Identifier: MIT */
#include "box/die.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct {
	sp_die_sink *sink;
	int fd;
	bool loud;
} target = {NULL, -1, true};

void sp_die_to(sp_die_sink *sink, int fd, bool loud)
{
	target.sink = sink;
	target.fd = fd;
	target.loud = loud;
}

void sp_error_set(struct sp_box_error *e, enum sp_box_error_code code, int errnum, const char *fmt, va_list ap)
{
	memset(e, 0, sizeof *e);
	e->code = code;
	e->errnum = errnum;
	int n = vsnprintf(e->text, sizeof e->text, fmt, ap);
	if (errnum && n >= 0 && (size_t)n < sizeof e->text) {
		/* strerrordesc_np: the one form that neither translates nor allocates */
		const char *s = strerrordesc_np(errnum);
		snprintf(e->text + n, sizeof e->text - (size_t)n, ": %s", s ? s : "unknown error");
	}
}

void sp_die(enum sp_box_error_code code, int errnum, const char *fmt, ...)
{
	struct sp_box_error e;
	va_list ap;

	va_start(ap, fmt);
	sp_error_set(&e, code, errnum, fmt, ap);
	va_end(ap);
	if (target.sink) target.sink(target.fd, &e);
	if (target.loud) dprintf(STDERR_FILENO, "serapis-box: %s\n", e.text);
	_exit(1);
}
