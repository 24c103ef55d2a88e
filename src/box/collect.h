/* SPDX-License-Identifier: MIT */
/* COLLECT: files out of the run's tree, read by a process that has nothing else (box-rules.md 19, 20). One thread, the launcher's. */
#ifndef SP_BOX_COLLECT_H
#define SP_BOX_COLLECT_H

#include "box/protocol.h"
#include "box/step.h"

/* Answers with STARTED and DONE, or ERROR. request: a memfd that is sealed; it stays the caller's, and is not looked into here. */
void sp_slot_collect(struct sp_slot *s, const struct sp_box_collect *b, int request);

#endif
