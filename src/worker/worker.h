/* SPDX-License-Identifier: MIT */
/*
 * The worker: take → claim → prepare → run → store → reply → acknowledge. One thread a slot; one lease thread renews all claims every lease_renew_ms and kills what was lost or
 * is to be canceled; one janitor thread (janitor.h) republishes.
 */
#ifndef SP_WORKER_WORKER_H
#define SP_WORKER_WORKER_H

#include "broker/broker.h"
#include "core/config.h"
#include "core/language.h"
#include "runtime/runtime.h"
#include "store/store.h"

struct sp_worker;

struct sp_worker_parts { /* all borrowed, must outlive the worker */
	const struct sp_config *config;
	const struct sp_languages *languages;
	struct sp_store *store;
	struct sp_broker *broker;
	struct sp_runtime *runtime;
};

/* Starts the threads. First every language's version command runs in a container (slots in parallel); evaluations are taken as soon as that is done. */
struct sp_worker *sp_worker_start(const struct sp_worker_parts *parts, struct sp_err *err) SP_MUSTCHECK;
/* What was found about language i of the registry. Any thread. */
void sp_worker_language(struct sp_worker *w, size_t i, struct sp_language_state *out);
/* NULL when ready (languages probed, at least one healthy slot, not draining), else a static sentence. Any thread. */
const char *sp_worker_not_ready(struct sp_worker *w);
/* Renews at once, which tells what is canceled, erased or lost: for the API in the same process, after it has written that, so that a program ends within milliseconds and not at the next renewal.
 * Any thread; does not block; many calls at once are one renewal. */
void sp_worker_look(struct sp_worker *w);
/* Counts for logs and metrics. */
struct sp_worker_stats {
	int busy, slots;
	uint64_t runs, lost, released;
};
void sp_worker_stats(struct sp_worker *w, struct sp_worker_stats *out);
/* Drain: takes nothing more, gives back what is not running, lets runs end until timeout_ms, then interrupts and releases them; then stops all threads and frees. */
void sp_worker_drain(struct sp_worker *w, int64_t timeout_ms);

#endif
