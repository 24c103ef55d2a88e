/* SPDX-License-Identifier: MIT */
/* A slot as its launcher sees it, and the making and running of containers in it (step.c, collect.c). One thread, the launcher's. */
#ifndef SP_BOX_STEP_H
#define SP_BOX_STEP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/clock.h"
#include "box/cgroup.h"
#include "box/inner.h"
#include "box/launcher.h"
#include "box/mounts.h"

/* A container whose program-to-be waits for its order. */
struct sp_prepared {
	pid_t init; /* 0: there is none */
	int pidfd, feed, report, ready;
	char root[SP_BOX_NAME_MAX];
	struct sp_cgroup cg; /* v2; v1 has one for all, cgroups.kept */
};

#define SP_PREPARED_NONE ((struct sp_prepared){.pidfd = -1, .feed = -1, .report = -1, .ready = -1, .cg = SP_CGROUP_NONE})

struct sp_slot {
	const struct sp_launcher *l;
	struct sp_cgroup_slot cgroups;
	struct sp_mounts mounts;
	int net[5]; /* files of /proc/self/net that tell of its past; -1: this kernel has none of that name */
	uint64_t baseline; /* v1: memory in use when the slot was new */
	uint64_t net_new, net_key; /* what they said then, hashed with this key */
	struct sp_prepared ready;
	bool used; /* the tree was given to a container that got an order */
	bool littered; /* a container's cgroup could not be removed */
	struct sp_tree_size tree; /* of the tree that is mounted now */
	/* of the evaluation between BEGIN and END; root and tree stay, as a guess at the next one's */
	bool open, stepped, spoiled; /* spoiled: a step was refused, the tree may be half-filled */
	char root[SP_BOX_NAME_MAX];
	int files;
	uint64_t base; /* v1: memory in use before the first step, its container included: what limit and peak count from */
};

/* Makes sure that a container for s->root waits; what goes wrong is told by the step that needs it. */
void sp_slot_prepare(struct sp_slot *s);
/* Answers with STARTED and DONE, or ERROR. fds: spec, (stdin); they stay the caller's. */
void sp_slot_step(struct sp_slot *s, const struct sp_box_step *b, const int *fds, unsigned nfds);

/* ---- what a step and the collector have in common */

struct sp_run {
	struct sp_prepared c;
	struct sp_cgroup *cg; /* its */
	int out[2], err[2]; /* [0] is the read end; -1: there is none */
	int64_t arrived;
	uint64_t base; /* memory in use before the order: what limit and peak count from */
	uint64_t carried; /* v2: of earlier steps' files, charged to those steps' groups, which are gone */
	struct sp_cgroup_counts before;
	struct sp_note ready; /* when it began */
};

#define SP_RUN_NONE ((struct sp_run){.c = SP_PREPARED_NONE, .out = {-1, -1}, .err = {-1, -1}, .arrived = sp_mono_ns()})

/* Pid 1 of new pid, mnt, ipc and uts namespaces, in p->cg; child must not return. -1 with errno. */
int sp_slot_clone(struct sp_prepared *p, void (*child)(const void *), const void *arg) SP_MUSTCHECK;
/* Until it begins, which c.ready tells. False: it does not; it is dead, and the reason has been sent: its own, or this one. */
bool sp_run_await(struct sp_slot *s, struct sp_run *st, const struct sp_box_error *silent) SP_MUSTCHECK;
/* STARTED, with the pipes that there are; then, when it has ended, DONE. */
void sp_run_announce(struct sp_slot *s, struct sp_run *st);
void sp_run_finish(struct sp_slot *s, struct sp_run *st);
/* Whatever is open is closed, and its cgroup removed. It must be dead. */
void sp_run_forget(struct sp_slot *s, struct sp_run *st);

/* An answer that cannot be sent means that the box is gone, and ends the launcher. */
void sp_slot_answer(const struct sp_slot *s, const struct sp_inner *m, const int *fds, unsigned nfds);
void sp_slot_refuse(const struct sp_slot *s, enum sp_box_error_code code, int errnum, const char *fmt, ...) SP_PRINTF(4, 5);

#endif
