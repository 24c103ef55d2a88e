/* SPDX-License-Identifier: MIT */
/*
 * The store: the truth about evaluations. Back-ends: sqlite (store/sqlite.c), later postgres. One contract suite runs against every back-end
 * (tests/contract/store_contract.c). Rules: an id that was answered is never lost; a result is written once (fenced by claim_no); all times are
 * the store's clock; a call returns only when what it wrote is durable.
 *
 * Every call may block (disk, network) and may come from any thread at the same time as others; never from an HTTP loop thread.
 * Errors: SP_E_UNAVAILABLE (retryable: the store is away or full of work), SP_E_LIMIT (create: queue full), SP_E_IO, SP_E_INTERNAL.
 */
#ifndef SP_STORE_STORE_H
#define SP_STORE_STORE_H

#include "base/err.h"
#include "store/record.h"

struct sp_store;

/* A new evaluation. All pointers borrowed for the call. */
struct sp_new_evaluation {
	struct sp_id id;
	const char *language;
	enum sp_class class_;
	const char *reference; /* NULL: none */
	struct sp_bytes request;
	int64_t max_waiting; /* refuse with SP_E_LIMIT when at least this many wait already (status created); 0: no bound. A bound, not a lock: back-ends may be off by what is in flight */
};

enum sp_claim_outcome {
	SP_CLAIM_MINE, /* claimed: the row is evaluating under out->row.claim_no */
	SP_CLAIM_ABSENT, /* no such row (erased) */
	SP_CLAIM_TERMINAL, /* ended already */
	SP_CLAIM_CANCELED, /* cancel was requested: finish it as canceled (the store has done so in the same statement) */
	SP_CLAIM_ELSEWHERE, /* evaluating under a live lease of another claim */
	SP_CLAIM_EXHAUSTED /* its leases ran out max_lost times: now failed, reason evaluator_lost (done in the same statement) */
};

struct sp_claim_request {
	struct sp_id id;
	const char *evaluator_id;
	int64_t lease_ms;
	int32_t max_lost;
};

/* The result of a run. Pointers borrowed. */
struct sp_finish {
	struct sp_id id;
	int64_t claim_no;
	enum sp_status status; /* a terminal one */
	const char *verdict; /* NULL only for canceled */
	const char *stage;
	const char *signal; /* NULL: none */
	bool has_exit_code;
	int32_t exit_code;
	struct sp_bytes result, output, segments, compile_output;
};

struct sp_lease {
	struct sp_id id;
	int64_t claim_no;
	bool lost;
	bool cancel;
}; /* renew: in id, claim_no; out lost (not ours any more), cancel (requested) */

enum sp_scan {
	SP_SCAN_WAITING, /* status created, oldest first */
	SP_SCAN_EXPIRED /* evaluating with the lease over */
};
struct sp_scan_item {
	struct sp_id id;
	enum sp_class class_;
};

struct sp_store_ops {
	const char *name;
	/* API work thread, POST: the row durable before it returns. Fills *out. Same id twice: SP_E_CONFLICT. */
	int (*create)(struct sp_store *s, const struct sp_new_evaluation *in, struct sp_evaluation *out, struct sp_err *err);
	/* Worker slot thread: one conditional UPDATE (service-rules.md section 1). With MINE, out has row and data.request; else only what is known of the row. */
	int (*claim)(struct sp_store *s, const struct sp_claim_request *in, enum sp_claim_outcome *outcome, struct sp_stored *out,
	        struct sp_err *err);
	/* Worker: gives a claim back unjudged (drain, box restart). *applied false: it was not ours any more. */
	int (*release)(struct sp_store *s, const struct sp_id *id, int64_t claim_no, bool *applied, struct sp_err *err);
	/* Worker slot thread: the one result. *applied false: fenced off (another claim, or terminal already); nothing was written. */
	int (*finish)(struct sp_store *s, const struct sp_finish *in, bool *applied, struct sp_err *err);
	/* Worker lease thread, every 5 s: one statement for all runs of this evaluator. */
	int (*renew)(struct sp_store *s, const char *evaluator_id, int64_t lease_ms, struct sp_lease *leases, size_t n, struct sp_err *err);
	/* API work thread. SP_E_NOT_FOUND when absent. with_data also loads all of data except request. */
	int (*get)(struct sp_store *s, const struct sp_id *id, bool with_data, struct sp_stored *out, struct sp_err *err);
	/* Janitor: up to max items whose id is greater than *after (NULL: from the start), ordered by id; returns how many, or -1. */
	int (*scan)(struct sp_store *s, enum sp_scan what, const struct sp_id *after, struct sp_scan_item *items, size_t max,
	        struct sp_err *err);
	/* API sweeper, once a second: terminal[i] for each id (absent counts as terminal). n = 0 is the readiness ping. */
	int (*sweep)(struct sp_store *s, const struct sp_id *ids, size_t n, bool *terminal, struct sp_err *err);
	/* Waits for what is under way, then frees. No call may be running or follow. */
	void (*close)(struct sp_store *s);
};

struct sp_store {
	const struct sp_store_ops *ops; /* back-ends embed this as their first member `super` */
};

/* "sqlite:/path/serapis.db" (or sqlite::memory: for tests). Opens, migrates (serve's rule: the embedded store migrates at start) and, as a lock proves that no other process
 * has this database, lets all leases end now. NULL + err: SP_E_INVALID (URL), SP_E_CONFLICT (another process has it; the message names its pid), SP_E_UNSUPPORTED (network file system, schema
 * newer than this program), SP_E_IO. Free with sp_store_close(). */
struct sp_store *sp_store_open(const char *url, struct sp_err *err) SP_MUSTCHECK;

/* Whether the store could be opened by this process, as far as that can be told without making, changing or locking anything. Errors as of open. */
int sp_store_look(const char *url, struct sp_err *err) SP_MUSTCHECK;

/* Checked wrappers: validate arguments, add context to errors, log slow calls. Callers use these, never ops. */
int sp_store_create(struct sp_store *s, const struct sp_new_evaluation *in, struct sp_evaluation *out, struct sp_err *err) SP_MUSTCHECK;
int sp_store_claim(struct sp_store *s, const struct sp_claim_request *in, enum sp_claim_outcome *outcome, struct sp_stored *out,
        struct sp_err *err) SP_MUSTCHECK;
int sp_store_release(struct sp_store *s, const struct sp_id *id, int64_t claim_no, bool *applied, struct sp_err *err) SP_MUSTCHECK;
int sp_store_finish(struct sp_store *s, const struct sp_finish *in, bool *applied, struct sp_err *err) SP_MUSTCHECK;
int sp_store_renew(
        struct sp_store *s, const char *evaluator_id, int64_t lease_ms, struct sp_lease *leases, size_t n, struct sp_err *err) SP_MUSTCHECK;
int sp_store_get(struct sp_store *s, const struct sp_id *id, bool with_data, struct sp_stored *out, struct sp_err *err) SP_MUSTCHECK;
int sp_store_scan(struct sp_store *s, enum sp_scan what, const struct sp_id *after, struct sp_scan_item *items, size_t max,
        struct sp_err *err) SP_MUSTCHECK;
int sp_store_sweep(struct sp_store *s, const struct sp_id *ids, size_t n, bool *terminal, struct sp_err *err) SP_MUSTCHECK;
void sp_store_close(struct sp_store *s); /* NULL is fine */

#endif
