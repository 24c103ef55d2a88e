/* SPDX-License-Identifier: MIT */
#ifndef SP_BOX_CHECK_H
#define SP_BOX_CHECK_H

/*
 * `serapis-box --check`: prints what this host offers, one line a thing: "ok", "note" or "missing" in a column of SP_CHECK_KIND_WIDTH, the thing's name in one of
 * SP_CHECK_NAME_WIDTH, and a sentence; of what is missing, as host.h says, a sentence, "; " and what to do. `serapis doctor` reads that by its columns.
 * slots: how many the service will ask for. Returns 0 when nothing is missing, else 1. Changes nothing on the host.
 */
#define SP_CHECK_KIND_WIDTH 8
#define SP_CHECK_NAME_WIDTH 18
int sp_box_check(const char *policy_file, unsigned slots);

#endif
