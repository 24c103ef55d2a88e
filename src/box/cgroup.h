/* SPDX-License-Identifier: MIT */
/*
 * The slots' cgroups. Behind this interface are version 1 (cgroup1.c), version 2 (cgroup2.c) and none at all: then every limit is accepted and none
 * holds, every count is 0, and READY says so.
 *
 *            stub           finds the place and makes serapis-box-<id> in it
 *   version 1                                                       version 2
 *   serapis-box-<id>/   once a controller, the box's root id's      serapis-box-<id>/
 *     s<slot>-<gen>/    launcher and containers                       box/           the box itself
 *                                                                     s<slot>-<gen>/ the slot's root id's; holds no process
 *                                                                       keep/        the launcher
 *                                                                       r<n>/        one container, init included; made ahead, removed after
 *
 * Nothing here attaches a process on a request's way: on v1 that costs milliseconds and everything is in place by birth; on v2 a container is born in its
 * group by clone3(CLONE_INTO_CGROUP).
 */
#ifndef SP_BOX_CGROUP_H
#define SP_BOX_CGROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

#define SP_CGROUP_PREFIX "serapis-box-"
/* SP_CG_CPU is the only one that a host may lack; then its path is empty and its descriptors are -1. */
enum { SP_CG_MEMORY, SP_CG_CPUACCT, SP_CG_PIDS, SP_CG_CPU, SP_CG_COUNT };

/* Where the box's part of each hierarchy is. Filled in by the stub; the box and the launchers inherit it. Version 2 has one hierarchy, the first. */
struct sp_cgroup_base {
	unsigned version; /* 0 (none), 1, 2 */
	char id[64]; /* directory name: SP_CGROUP_PREFIX + box id */
	char path[SP_CG_COUNT][512]; /* of the box's own cgroup, where the directory is made; two controllers may share one */
	int parent[SP_CG_COUNT]; /* stub: descriptors of path[], -1 elsewhere */
	int dir[SP_CG_COUNT]; /* path[]/id, owned by the box's root id. dir[SP_CG_MEMORY] carries the flock that says "alive" */
};

/*
 * Finds the controllers' own paths of this process, from /proc/self/cgroup and /proc/self/mountinfo: version 1 where it has the controllers (hybrid hosts
 * too), else version 2. Makes nothing. -1: this host offers none that we may use, *b is version 0, err is a sentence for people.
 */
int sp_cgroup_find(struct sp_cgroup_base *b, struct sp_err *err) SP_MUSTCHECK;
/* Removes the empty directories of boxes that are no more, makes this box's and gives them to uid/gid (which may be our own). Stub; called once. */
int sp_cgroup_delegate(struct sp_cgroup_base *b, uid_t uid, gid_t gid, struct sp_err *err) SP_MUSTCHECK;
/* Stub, after the box's end: removes the slots' directories and the box's. False: something is in them still. */
bool sp_cgroup_remove(struct sp_cgroup_base *b);
void sp_cgroup_close_parents(struct sp_cgroup_base *b);
void sp_cgroup_close(struct sp_cgroup_base *b);

/* Directory to clone the box into, or -1 for where the stub is. The caller's to close. Failure shows as -1 too, and then in the first slot. */
int sp_cgroup_box_home(const struct sp_cgroup_base *b);
/* Box: makes what a new generation of a slot needs before its launcher exists, for `owner`, an id of the box's namespace. *home: to clone it into, or -1. */
int sp_cgroup_slot_make(const struct sp_cgroup_base *b, unsigned slot, unsigned generation, unsigned owner, int *home) SP_MUSTCHECK;
/* Removes a generation's directory; fails quietly while something is in it. */
void sp_cgroup_drop(const struct sp_cgroup_base *b, unsigned slot, unsigned generation);

/* What a container is limited and counted by: descriptors of control files, -1 when absent. */
struct sp_cgroup {
	int usage, limit, memsw, peak, oom, force_empty, cpu, pids_max, pids_events;
	int dir; /* v2: to clone the container into; -1: where the launcher is */
	unsigned name; /* v2 */
	uint64_t limit_now; /* what was written last; UINT64_MAX: no limit */
	uint64_t pids_now;
};

#define SP_CGROUP_NONE \
	((struct sp_cgroup){.usage = -1, \
	        .limit = -1, \
	        .memsw = -1, \
	        .peak = -1, \
	        .oom = -1, \
	        .force_empty = -1, \
	        .cpu = -1, \
	        .pids_max = -1, \
	        .pids_events = -1, \
	        .dir = -1, \
	        .limit_now = UINT64_MAX, \
	        .pids_now = UINT64_MAX})

/* The launcher's view. */
struct sp_cgroup_slot {
	unsigned version;
	struct sp_cgroup kept; /* v1: for all containers */
	int dir; /* v2: s<slot>-<gen> */
	unsigned next;
};

struct sp_cgroup_counts {
	uint64_t oom_kill; /* processes that the oom killer ended */
	uint64_t limit_hit; /* v2: times that the memory limit was run into; v1 has no such count that can be relied on */
	uint64_t pids_hit; /* forks refused */
};

/* Launcher, with the box's uid still, before it makes anything: v1 makes the slot's directories and enters them, v2 opens what it was born into. */
int sp_cgroup_enter(
        const struct sp_cgroup_base *b, unsigned slot, unsigned generation, struct sp_cgroup_slot *s, struct sp_err *err) SP_MUSTCHECK;

/* Launcher, for each container; v1 has the slot's own for all of them, `kept`, and nothing to make. -1 with errno. */
int sp_cgroup_make(struct sp_cgroup_slot *s, struct sp_cgroup *cg) SP_MUSTCHECK;
/* When all of the container is dead. -1 with errno: the directory stays for sp_cgroup_drop. */
int sp_cgroup_unmake(struct sp_cgroup_slot *s, struct sp_cgroup *cg);

int sp_cgroup_set_memory(
        struct sp_cgroup *cg, uint64_t bytes) SP_MUSTCHECK; /* UINT64_MAX lifts the limit. -1 with errno; EBUSY: more is in use */
int sp_cgroup_set_pids(struct sp_cgroup *cg, uint64_t n) SP_MUSTCHECK;
int sp_cgroup_reset_peak(struct sp_cgroup *cg) SP_MUSTCHECK; /* v2: nothing to do, a container's group is new */
uint64_t sp_cgroup_usage(const struct sp_cgroup *cg);
uint64_t sp_cgroup_peak(const struct sp_cgroup *cg); /* v2 before Linux 5.19: what is in use now, the best there is */
void sp_cgroup_read_counts(const struct sp_cgroup *cg, struct sp_cgroup_counts *c);
void sp_cgroup_force_empty(const struct sp_cgroup *cg);
/* Nanoseconds of everything that ever ran in the cgroup; any process, any credentials. 0 for fd -1. */
uint64_t sp_cgroup_cpu_fd(int cpu_fd);

#endif
