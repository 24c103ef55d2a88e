/* SPDX-License-Identifier: MIT */
#ifndef SP_BOX_LAUNCHER_H
#define SP_BOX_LAUNCHER_H

#include "base/attr.h"
#include "box/cgroup.h"
#include "box/policy.h"

/* Lowest id of a generation's three, in the box's namespace, and what each is inside the slot's (the maps that the box writes). */
#define SP_SLOT_IDS 3
#define SP_SLOT_MAP "0 %u 1\n1 %u 1\n1000 %u 1\n" /* base, base + 1, base + 2 */
#define SP_SLOT_MAP_SINGLE \
	"1000 0 1\n" /* SP_IDS_SINGLE: launcher, init and program are all the run's id; what tells them apart is capabilities */

struct sp_launcher {
	const struct sp_policy *policy;
	struct sp_cgroup_base cgroups; /* a copy: the launcher closes what it does not need */
	unsigned slot, generation;
	unsigned inotify_instances, inotify_watches; /* of this slot at most */
	int channel;
	bool single; /* SP_IDS_SINGLE */
};

/* The child's life after sp_sys_clone(CLONE_NEWUSER | CLONE_NEWPID): pid 1 of the slot's pid namespace. Never returns. */
void sp_launcher_main(struct sp_launcher *l) SP_NORETURN;

#endif
