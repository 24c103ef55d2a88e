/* SPDX-License-Identifier: MIT */
/*
 * The error regime of the box's processes: what cannot go on says so once, as one record to whoever waits for it, and ends. (The box itself uses
 * this only before READY; afterwards an error concerns a slot, and is answered.)
 */
#ifndef SP_BOX_DIE_H
#define SP_BOX_DIE_H

#include <stdarg.h>
#include <stdbool.h>

#include "base/attr.h"
#include "box/protocol.h"

/* Delivers the record: over the control channel, the launcher's channel or a container's pipe. Must not return errors; may do nothing. */
typedef void sp_die_sink(int fd, const struct sp_box_error *e);

/* Who hears of the next death of this process; a forked child calls it again. loud: also print it to stderr. */
void sp_die_to(sp_die_sink *sink, int fd, bool loud);

/* errnum 0: none. With one, ": <strerror>" is added, or, where E_HOST is a refusal, what may refuse it and what to do. Never returns: delivers the record and _exit(1)s. */
void sp_die(enum sp_box_error_code code, int errnum, const char *fmt, ...) SP_PRINTF(3, 4) SP_NORETURN;

/* The sentence of sp_die alone. */
void sp_error_set(struct sp_box_error *e, enum sp_box_error_code code, int errnum, const char *fmt, va_list ap) SP_PRINTF(4, 0);

#endif
