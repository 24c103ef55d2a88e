/* SPDX-License-Identifier: MIT */
#ifndef SP_BOX_CHECK_H
#define SP_BOX_CHECK_H

/* `serapis-box --check`: prints what this host offers, "ok", "note" or "missing" and a sentence, one line a thing. Returns 0 when nothing is
 * missing, else 1. Changes nothing on the host. */
int sp_box_check(const char *policy_file);

#endif
