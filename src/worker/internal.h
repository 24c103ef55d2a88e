/* SPDX-License-Identifier: MIT */
/*
 * The worker, private to the files of src/worker.
 *
 * Threads: one a slot (probe.c, then worker.c's loop with deliver.c), and one watcher (lease.c) that renews claims and is the only one that interrupts programs.
 * One lock guards all that is shared; it is never held over a call to the store or the broker, nor over a step. sp_runtime_interrupt, which does not block, is called under it:
 * what it interrupts then cannot have become another evaluation's.
 *
 * A slot's claim goes idle → registered (has_run) → in the gate or past it (entered) → in the runtime (in_runtime) → out again → finished, released or discarded → idle.
 * Whoever wants a run to end sets `stop` and broadcasts; the slot thread alone acts on it. The first stop stays, except that LOST overrules the others: what is not
 * ours any more must not be judged or released.
 *
 * The gate: an evaluation whose lease ran out before (lost ≥ 1) may be one that kills evaluators, so it runs while nothing else does (service-rules.md section 1). One that waits to be
 * alone keeps others from entering, or it would wait for ever.
 */
#ifndef SP_WORKER_INTERNAL_H
#define SP_WORKER_INTERNAL_H

#include <pthread.h>

#include "base/metrics.h"
#include "worker/worker.h"

enum sp_stop { SP_STOP_NOT, SP_STOP_CANCEL, SP_STOP_DRAIN, SP_STOP_LOST };

struct sp_worker_slot {
	struct sp_worker *w;
	int index;
	pthread_t thread;
	/* under the lock */
	bool has_run; /* id and claim_no are ours, and renewed */
	bool entered; /* past the gate */
	bool in_runtime; /* sp_runtime_interrupt means this one */
	enum sp_stop stop;
	struct sp_id id;
	int64_t claim_no;
	struct sp_delivery delivery; /* the newest one of this id */
};

/* How often in a row an evaluation was given back because the runtime was lost under it. */
struct sp_given_back {
	struct sp_id id;
	int times;
};
#define SP_GIVEN_BACK_MEMORY 64
/* An evaluation under which the runtime is lost more often than this is failed: it may be the cause. */
#define SP_GIVEN_BACK_MAX 3

struct sp_worker {
	struct sp_worker_parts parts;
	struct sp_runtime_info info;
	char evaluator_id[SP_EVALUATOR_LEN];
	int nslots;
	struct sp_worker_slot *slots;
	pthread_t watcher;

	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* under the lock */
	bool draining; /* take nothing more */
	bool expired; /* the drain's time is over: what runs is interrupted, what cannot be stored is left to its lease */
	bool ending; /* the watcher ends */
	bool look; /* renew at once (sp_worker_look) */
	uint64_t looks; /* how often that was asked for */
	int live; /* slot threads that have not ended */
	size_t next_probe, probed;
	struct sp_language_state *languages; /* one for each of the registry */
	int running, waiting_alone;
	bool alone;
	uint64_t runs, lost, released;
	struct sp_given_back given_back[SP_GIVEN_BACK_MEMORY];
	size_t next_given_back;

	struct sp_metrics_watch metrics; /* serapis_slots */
};

/* worker.c: waits, but not beyond *flag (under the lock: &w->draining or &w->expired). False when it is set. */
bool sp_worker_pause(struct sp_worker *w, int64_t ms, const bool *flag);
/* Doubles *ms from 200 to 10,000 and returns the old value with jitter, ± a quarter. */
int64_t sp_worker_backoff(int64_t *ms);

/* deliver.c: deals with one delivery, to the end. */
void sp_worker_deliver(struct sp_worker_slot *slot, const struct sp_delivery *d);

/* probe.c: finds out about languages until all are taken by some slot, then waits until all are done. False when draining. */
bool sp_worker_probe(struct sp_worker_slot *slot);

/* lease.c: the watcher's thread; cls is the worker. */
void *sp_worker_watch(void *cls);
/* Under the lock: asks the run of a slot to end. */
void sp_worker_stop_slot(struct sp_worker_slot *slot, enum sp_stop why);

#endif
