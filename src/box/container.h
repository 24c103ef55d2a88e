/* SPDX-License-Identifier: MIT */
/* A container from the inside: its init, and the program up to its exec. */
#ifndef SP_BOX_CONTAINER_H
#define SP_BOX_CONTAINER_H

#include <stdbool.h>

#include "base/attr.h"
#include "box/mounts.h"
#include "box/protocol.h"

struct sp_container {
	const struct sp_mounts *mounts;
	const char *root; /* name of the template */
	int feed; /* the order comes from here (inner.h) */
	int report, ready; /* write ends of init's and of the program's pipe */
	int cpu; /* for sp_cgroup_cpu_fd(), or -1: no cgroup */
	bool single; /* the slot has one id, the run's */
};

/*
 * Runs as pid 1 of fresh pid, mnt, ipc and uts namespaces, in its cgroup, root of the slot's user namespace. Makes everything that does not depend on the
 * request, and the process that waits for the order and becomes the program; gives up its powers, and waits for that process's end. Never returns.
 */
void sp_container_init(const struct sp_container *c) SP_NORETURN;

/* What a launcher sets once for all its containers, since fork hands it down: bounding set, securebits, rlimits that are the same for every run, umask. */
int sp_container_prepare(const char **what) SP_MUSTCHECK;

/* False when this build has no filter. */
bool sp_seccomp_present(void);

#endif
