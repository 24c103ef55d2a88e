/* SPDX-License-Identifier: MIT */
/*
 * What the box's own processes say to each other, over pairs and pipes that nobody else has an end of.
 *
 *   box → launcher   GO (its id maps are written), then what the slot's channel brought, checked: BEGIN, STEP, COLLECT, END; or REFUSE in the place of a
 *                    request that the policy forbids: the launcher only sends it back, so that answers keep the order of the requests.
 *   launcher → box   UP, then one answer to each: BEGUN, STARTED [pidfd of init, (cpu time of its cgroup), stdout, (stderr)] and DONE, ENDED, or ERROR.
 *                    Of a COLLECT: STARTED [pidfd of the collector, (cpu time of its cgroup), records] and DONE.
 *   launcher → program  one struct sp_order, which the program-to-be of a prepared container waits for
 *   init → launcher  one struct sp_note over the init's pipe: how the main process ended, or which call of the set-up failed
 *   program, collector → launcher  struct sp_note over a close-on-exec pipe: ready (then the end of file says "executed", or "begun"), or why not
 */
#ifndef SP_BOX_INNER_H
#define SP_BOX_INNER_H

#include <stdbool.h>
#include <stdint.h>

#include "box/protocol.h"

enum sp_inner_type {
	SP_IN_GO = 1,
	SP_IN_BEGIN,
	SP_IN_STEP,
	SP_IN_END,
	SP_IN_REFUSE,
	SP_IN_COLLECT,
	SP_IN_UP = 65,
	SP_IN_BEGUN,
	SP_IN_STARTED,
	SP_IN_DONE,
	SP_IN_ENDED,
	SP_IN_ERROR
};

struct sp_inner_started {
	int64_t exec_ns; /* CLOCK_MONOTONIC of the exec */
	uint64_t cpu_base; /* of the cgroup, just before it */
	uint32_t has_cpu; /* without a cgroup there is no descriptor for it */
};

struct sp_inner_done {
	struct sp_box_done done;
	uint32_t reported; /* the main process ended by itself; otherwise init was killed first */
};

struct sp_inner_ended {
	uint64_t teardown_ns;
	uint32_t dirty; /* the slot must be replaced */
	char reason[96]; /* why, for the log */
};

struct sp_inner {
	uint32_t type; /* enum sp_inner_type */
	union {
		struct sp_box_begin begin;
		struct sp_box_step step;
		struct sp_box_collect collect;
		struct sp_inner_started started;
		struct sp_inner_done done;
		struct sp_inner_ended ended;
		struct sp_box_error error;
	} u;
};

/* With descriptors: spec, stdout, then what there is of stderr (unless merged), stdin and files, in this order. */
struct sp_order {
	struct sp_box_step step;
	uint32_t has_in, has_files;
};
#define SP_ORDER_FDS 5

enum sp_note_kind { SP_NOTE_READY = 1, SP_NOTE_ENDED, SP_NOTE_FAILED };

struct sp_note {
	uint32_t kind; /* enum sp_note_kind */
	int32_t status; /* ENDED: as waitpid gave it */
	int64_t at_ns; /* CLOCK_MONOTONIC */
	uint64_t cpu; /* READY: of the cgroup */
	struct sp_box_error error; /* FAILED */
};

#endif
