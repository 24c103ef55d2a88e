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

/* The rest is for whatever else a launcher makes in namespaces of its own (collect.c). What fails ends the process, by sp_die(). */

/* For sp_die_to(): the descriptor is a pipe that struct sp_note goes through. */
void sp_container_note_sink(int fd, const struct sp_box_error *e);
/* Of all in the slot's cgroup, the oom killer shall choose this process, not the launcher (box-rules.md 4). While it has its first uid still, to which
 * the file belongs; through the launcher's proc, as a container's own is read-only. */
void sp_container_die_first(const struct sp_mounts *m);
/*
 * Whoever closes a mount namespace's last reference takes its mounts down, with a wait for every processor: were that the process itself, each answer would
 * wait for its exit. So the launcher gets one, as a message that it never reads and that goes when it closes its end of the feed. (To open it there is a
 * race, as nobody may look into a process that has changed its id.) Without it everything works, later. After the clone, before a change of ids.
 */
void sp_container_leave_mounts(const struct sp_mounts *m, int feed);
/* Takes this user and group id and loses every capability; who: for the error. */
void sp_container_become(unsigned uid, bool drop_groups, const char *who);
/* Soft and hard limit, as far as the present hard limit allows. -1 with errno. */
int sp_container_limit(int resource, uint64_t value) SP_MUSTCHECK;

/* False when this build has no filter. */
bool sp_seccomp_present(void);

#endif
