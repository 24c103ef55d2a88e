/* SPDX-License-Identifier: MIT */
/* The janitor: one thread that finds in the store what no queue knows of any more, and publishes it again (service-rules.md section 2, "Outbox"). Nothing it does can be done twice with harm: the claim is the fence. */
#ifndef SP_WORKER_JANITOR_H
#define SP_WORKER_JANITOR_H

#include "broker/broker.h"
#include "core/config.h"
#include "store/store.h"

struct sp_janitor;

/* Does a first round before it returns (a restarted process finds all that waits), then one every janitor_ms, and at once when a broker queue overflowed and has drained. */
struct sp_janitor *sp_janitor_start(
        const struct sp_config *cfg, struct sp_store *store, struct sp_broker *broker, struct sp_err *err) SP_MUSTCHECK;
void sp_janitor_stop(struct sp_janitor *j); /* joins and frees; NULL is fine */

#endif
