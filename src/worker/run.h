/* SPDX-License-Identifier: MIT */
/* One evaluation's stages in a slot: compile (if the language has it), then run. Used by the worker's slot threads and by `serapis run`. */
#ifndef SP_WORKER_RUN_H
#define SP_WORKER_RUN_H

#include "core/result.h"
#include "runtime/runtime.h"

/*
 * Fills out->compile, out->run, out->enforced, and out->failure with its failure_code when we could not run it. The rest of *out is the caller's. Blocks until the last stage has ended;
 * sp_runtime_interrupt on the slot ends it. Calls begin and end of the runtime. The outputs inside *out are freed with sp_outcome_fini_stages.
 */
void sp_run_evaluation(struct sp_runtime *runtime, int slot, const struct sp_request *request, struct sp_outcome *out);
void sp_outcome_fini_stages(struct sp_outcome *out);

/* Runs the language's version command once in a container (probe.c). 0: *st says whether it is there and in which version; -1 + err as of the runtime. *st must be zeroed. */
int sp_probe_language(struct sp_runtime *runtime, int slot, const struct sp_language *language, struct sp_language_state *st,
        struct sp_err *err) SP_MUSTCHECK;

#endif
