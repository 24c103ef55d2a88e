/* SPDX-License-Identifier: MIT */
#include "box/die.h"

#include <errno.h>
#include <stdbool.h>
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

	bool refused = code == SP_BOX_E_HOST && (errnum == EPERM || errnum == EACCES || errnum == ENOSYS);
	va_start(ap, fmt);
	sp_error_set(&e, code, refused ? 0 : errnum, fmt, ap);
	va_end(ap);
	/* At the start, with every power that the box needs: something stands above it, and people are told what to do (host.h). */
	if (refused) {
		size_t n = strlen(e.text);
		e.errnum = errnum;
		snprintf(e.text + n, sizeof e.text - n,
		        ": a security module or a filter of system calls refuses it; start the service without that "
		        "(docker: --security-opt seccomp=unconfined --security-opt apparmor=unconfined)");
	}
	if (target.sink) target.sink(target.fd, &e);
	if (target.loud) dprintf(STDERR_FILENO, "serapis-box: %s\n", e.text);
	_exit(1);
}
