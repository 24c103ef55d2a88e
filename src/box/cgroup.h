/* SPDX-License-Identifier: MIT */
/*
 * The slot's cgroups: found and delegated by the stub, made and entered by each launcher once, read and written by it at every step. Behind this
 * interface is cgroup v1 today (cgroup1.c); nothing here attaches a process on a request's way, since on v1 that costs milliseconds.
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

/* Where the box's part of each hierarchy is. Filled in by the stub; the box and the launchers inherit it. */
struct sp_cgroup_base {
	unsigned version; /* 1 */
	char id[64]; /* directory name: SP_CGROUP_PREFIX + box id */
	char path[SP_CG_COUNT][512]; /* of the box's own cgroup, where the directory is made; two controllers may share one */
	int parent[SP_CG_COUNT]; /* stub: descriptors of path[], -1 elsewhere */
	int dir[SP_CG_COUNT]; /* path[]/id, owned by the box's root id. dir[SP_CG_MEMORY] carries the flock that says "alive" */
};

/* Finds every controller's own path of this process, from /proc/self/cgroup and /proc/self/mountinfo. Makes nothing. err: a sentence for people. */
int sp_cgroup_find(struct sp_cgroup_base *b, struct sp_err *err) SP_MUSTCHECK;
/* Removes the empty directories of boxes that are no more, makes this box's and gives them to uid/gid. Host root; called once. */
int sp_cgroup_delegate(struct sp_cgroup_base *b, uid_t uid, gid_t gid, struct sp_err *err) SP_MUSTCHECK;
/* Stub, after the box's end: removes the slots' directories and the box's. False: something is in them still. */
bool sp_cgroup_remove(struct sp_cgroup_base *b);
void sp_cgroup_close_parents(struct sp_cgroup_base *b);
void sp_cgroup_close(struct sp_cgroup_base *b);

/* One slot generation's cgroup: descriptors of its control files, -1 when absent. */
struct sp_cgroup {
	int usage, limit, memsw, peak, oom, force_empty, cpu, pids_max, pids_events;
	uint64_t limit_now; /* what was written last; UINT64_MAX: no limit */
	uint64_t pids_now;
};

struct sp_cgroup_counts {
	uint64_t oom_kill; /* processes that the oom killer ended */
	uint64_t pids_hit; /* forks refused */
};

/* Launcher, with the delegated owner's uid: makes "s<slot>-<generation>" in every hierarchy, opens its files, enters it. name goes to out_name. */
int sp_cgroup_enter(
        const struct sp_cgroup_base *b, unsigned slot, unsigned generation, struct sp_cgroup *cg, struct sp_err *err) SP_MUSTCHECK;
/* Removes that directory; fails quietly while something is in it. */
void sp_cgroup_drop(const struct sp_cgroup_base *b, unsigned slot, unsigned generation);

int sp_cgroup_set_memory(
        struct sp_cgroup *cg, uint64_t bytes) SP_MUSTCHECK; /* UINT64_MAX lifts the limit. -1 with errno; EBUSY: more is in use */
int sp_cgroup_set_pids(struct sp_cgroup *cg, uint64_t n) SP_MUSTCHECK;
int sp_cgroup_reset_peak(struct sp_cgroup *cg) SP_MUSTCHECK;
uint64_t sp_cgroup_usage(const struct sp_cgroup *cg);
uint64_t sp_cgroup_peak(const struct sp_cgroup *cg);
void sp_cgroup_read_counts(const struct sp_cgroup *cg, struct sp_cgroup_counts *c);
void sp_cgroup_force_empty(const struct sp_cgroup *cg);
uint64_t sp_cgroup_cpu_fd(int cpu_fd); /* nanoseconds of everything that ever ran in the cgroup; any process, any credentials */

#endif
