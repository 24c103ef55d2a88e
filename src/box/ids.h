/* SPDX-License-Identifier: MIT */
/* The host's user and group ids that the box's namespace Z maps: the policy's range when started as root, else what an ordinary user may have. */
#ifndef SP_BOX_IDS_H
#define SP_BOX_IDS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "box/policy.h"

enum sp_ids_kind {
	SP_IDS_POLICY = 1, /* root: 0 of Z is the first of the policy's range; no account of the host is mapped */
	SP_IDS_SUBORDINATE, /* 0 of Z is the user that started us, the others are his range in /etc/subuid and /etc/subgid */
	SP_IDS_SINGLE /* 0 of Z is that user, and there is no other: every slot, and the box, have the same id outside */
};

struct sp_ids {
	enum sp_ids_kind kind;
	uint32_t uid, gid; /* first of the range */
	uint32_t count; /* ids in Z, 0 included */
	char why[160]; /* SINGLE: what is missing for separate ids */
};

void sp_ids_find(struct sp_ids *ids, const struct sp_policy *p);
/* Adjusts the policy's count and slots_max to what there is; SINGLE: one slot, unless `unsafe`. */
void sp_ids_fit_policy(const struct sp_ids *ids, bool unsafe, struct sp_policy *p);
/* Stub: writes the maps of the new user namespace that `pid` is in. Falls back to SINGLE when the host's newuidmap refuses. */
int sp_ids_write(struct sp_ids *ids, pid_t pid, struct sp_err *err) SP_MUSTCHECK;

#endif
