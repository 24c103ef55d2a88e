/* SPDX-License-Identifier: MIT */
#ifndef SP_BOX_CHECK_H
#define SP_BOX_CHECK_H

#include "base/err.h"

/* `serapis-box --check`: prints what this host offers, "ok", "note" or "missing" and a sentence, one line a thing. Returns 0 when nothing is
 * missing, else 1. Changes nothing on the host. */
int sp_box_check(const char *policy_file);

/* Sockets and named pipes that a program would see in the root "host", where they are likely: below /usr/local and in what is mounted below /usr. All of
 * /usr takes seconds and is looked at by --check; no package puts one there. -1: err names the first. */
int sp_box_check_likely(struct sp_err *err) SP_MUSTCHECK;

#endif
