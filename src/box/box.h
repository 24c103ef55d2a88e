/* SPDX-License-Identifier: MIT */
#ifndef SP_BOX_BOX_H
#define SP_BOX_BOX_H

#include "base/attr.h"
#include "box/cgroup.h"
#include "box/host.h"
#include "box/ids.h"
#include "box/policy.h"

#define SP_BOX_SLOT_INOTIFY 8 /* inotify instances that a slot gets where the host has enough */

struct sp_box {
	struct sp_policy *policy; /* fitted to what this host gives */
	struct sp_cgroup_base *cgroups;
	struct sp_ids *ids;
	const struct sp_host_limits *limits; /* of where the stub is */
	int control; /* the service's channel */
	int stub; /* end of file: the stub is gone */
	bool unsafe_rootless; /* several slots even where they share one id */
};

/* The box: pid 1 of its pid namespace, root of its user namespace. Serves until the service or the stub goes. Never returns. */
void sp_box_main(const struct sp_box *b) SP_NORETURN;

#endif
