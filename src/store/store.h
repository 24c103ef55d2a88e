/* SPDX-License-Identifier: MIT */
/*
 * The store: the truth about evaluations, users and keys. Back-ends: sqlite (store/sqlite.c), later postgres. One contract suite runs against every back-end
 * (tests/contract/store_*.c). Rules: an id that was answered is never lost; a result is written once (fenced by claim_no); all times are
 * the store's clock; a call returns only when what it wrote is durable.
 *
 * Three tables of operations: the life of an evaluation (here), accounts.h (users, keys), history.h (lists, erasing, retention, statistics).
 *
 * Every call may block (disk, network) and may come from any thread at the same time as others; never from an HTTP loop thread.
 * Errors of every call: SP_E_UNAVAILABLE (retryable: the store is away or full of work), SP_E_IO, SP_E_INTERNAL, and SP_E_INVALID for arguments that the API should have refused.
 */
#ifndef SP_STORE_STORE_H
#define SP_STORE_STORE_H

#include "base/err.h"
#include "store/record.h"

struct sp_store;
struct sp_store_accounts_ops;
struct sp_store_history_ops;

/* A new evaluation. All pointers borrowed for the call. Bounds are bounds, not locks: back-ends may be off by what is in flight. */
struct sp_new_evaluation {
	struct sp_id id;
	const char *language;
	enum sp_class class_;
	const char *reference; /* NULL: none */
	struct sp_bytes request;
	int64_t max_waiting; /* SP_CREATE_QUEUE_FULL when at least this many wait already (status created); 0: no bound */

	const struct sp_id *user_id; /* NULL: open mode */
	const char *key_id; /* NULL: none; else user_id is set */
	int64_t key_max_waiting; /* SP_CREATE_KEY_FULL when at least this many of key_id wait already; 0: no bound. The server's default is the caller's to fill in */
	int32_t max_running; /* claimed only while fewer evaluations of key_id run; 0: no bound. Needs key_id; the server's default is the caller's to fill in */
	int32_t max_runs; /* the program is begun so often at most, whatever happens to evaluators (1: never twice); 0: no bound but max_lost */

	/* Idempotency-Key of the request, NULL: none. Its scope is the user (open mode: everybody without one). The hash is of the canonical body, the language included. A key is free again
	 * idempotency_keep_ms after its first use, or when that evaluation has been erased. */
	const char *idempotency_key;
	unsigned char body_hash[SP_BODY_HASH_BYTES];
	int64_t idempotency_keep_ms;
};

/* In this order: who asks, what was asked before, then the bounds. Only NEW has written anything. */
enum sp_create_outcome {
	SP_CREATE_NEW, /* durable; *out is the new row */
	SP_CREATE_NO_USER, /* user_id does not exist (any more) */
	SP_CREATE_REPLAYED, /* same key and same body: *out is the first evaluation as it is now, and another row than in->id names */
	SP_CREATE_REUSED, /* same key, another body; *out is zero */
	SP_CREATE_QUEUE_FULL, /* max_waiting */
	SP_CREATE_KEY_FULL /* key_max_waiting */
};

enum sp_claim_outcome {
	SP_CLAIM_MINE, /* claimed: the row is evaluating under out->row.claim_no */
	SP_CLAIM_ABSENT, /* no such row (erased) */
	SP_CLAIM_TERMINAL, /* ended already */
	SP_CLAIM_CANCELED, /* cancel was requested: finish it as canceled (the store has done so in the same statement) */
	SP_CLAIM_ELSEWHERE, /* evaluating under a live lease of another claim */
	SP_CLAIM_EXHAUSTED, /* its leases ran out max_lost times, or it was begun max_runs times: now failed, reason evaluator_lost (done in the same statement) */
	SP_CLAIM_BUSY /* as many of its key run as may: still `created`. Who ends one of that key publishes the next (SP_SCAN_OF_KEY) */
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
	SP_SCAN_WAITING, /* of class_: status created, oldest first, without those whose key runs as many as it may */
	SP_SCAN_EXPIRED, /* evaluating with the lease over, of both classes */
	SP_SCAN_KEYS, /* of every key that has a bound and runs less than it may: the first that waits, as OF_KEY orders them. `after` is not used */
	SP_SCAN_OF_KEY /* of key_id: status created; interactive before bulk, then oldest first; no more than max_running less those that run. `after` is not used */
};
struct sp_scan_request {
	enum sp_scan what;
	enum sp_class class_; /* WAITING */
	const char *key_id; /* OF_KEY */
	int32_t max_running; /* OF_KEY: of the evaluation that has ended */
	const struct sp_id *after; /* only ids greater than this; NULL: from the start */
};
struct sp_scan_item {
	struct sp_id id;
	enum sp_class class_;
};

/* Who wants it to end. */
enum sp_cancel {
	SP_CANCEL_REQUESTED, /* a person: created → canceled, evaluating → cancel_requested */
	SP_CANCEL_CLIENT_GONE /* nobody waits for it any more: only created → canceled */
};

struct sp_store_ops {
	const char *name;
	/* API work thread, POST: the row durable before it returns. Idempotency record, bounds and row are one transaction. Same id twice: SP_E_CONFLICT. */
	int (*create)(struct sp_store *s, const struct sp_new_evaluation *in, enum sp_create_outcome *outcome, struct sp_evaluation *out,
	        struct sp_err *err);
	/* Worker slot thread: one conditional UPDATE (service-rules.md section 1). With MINE, out has row and data.request; else only what is known of the row. */
	int (*claim)(struct sp_store *s, const struct sp_claim_request *in, enum sp_claim_outcome *outcome, struct sp_stored *out,
	        struct sp_err *err);
	/* Worker: gives a claim back unjudged (drain, box restart). began: its program may have begun, which counts against max_runs. *applied false: it was not ours any more. */
	int (*release)(struct sp_store *s, const struct sp_id *id, int64_t claim_no, bool began, bool *applied, struct sp_err *err);
	/* Worker slot thread: the one result. *applied false: fenced off (another claim, or terminal already); nothing was written. */
	int (*finish)(struct sp_store *s, const struct sp_finish *in, bool *applied, struct sp_err *err);
	/* Worker lease thread, every 5 s: one statement for all runs of this evaluator. */
	int (*renew)(struct sp_store *s, const char *evaluator_id, int64_t lease_ms, struct sp_lease *leases, size_t n, struct sp_err *err);
	/* API work thread. SP_E_NOT_FOUND when absent. with_data also loads all of data except request. */
	int (*get)(struct sp_store *s, const struct sp_id *id, bool with_data, struct sp_stored *out, struct sp_err *err);
	/* Janitor, and worker slot thread (OF_KEY): up to max items, ordered by id where enum sp_scan says nothing else; returns how many, or -1. */
	int (*scan)(struct sp_store *s, const struct sp_scan_request *in, struct sp_scan_item *items, size_t max, struct sp_err *err);
	/* API sweeper, once a second: terminal[i] for each id (absent counts as terminal). n = 0 is the readiness ping. */
	int (*sweep)(struct sp_store *s, const struct sp_id *ids, size_t n, bool *terminal, struct sp_err *err);
	/* API work thread: one conditional UPDATE. *out is the row afterwards: canceled, evaluating with cancel_requested (the evaluator reads that when it renews, and ends it with what it
	 * printed; when its lease is over, the next claim ends it), or terminal and unchanged. SP_E_NOT_FOUND when absent. Ownership never changes: callers check it with get. */
	int (*cancel)(struct sp_store *s, const struct sp_id *id, enum sp_cancel why, struct sp_evaluation *out, struct sp_err *err);
	/* Waits for what is under way, then frees. No call may be running or follow. */
	void (*close)(struct sp_store *s);
};

struct sp_store { /* back-ends embed this as their first member `super` */
	const struct sp_store_ops *ops;
	const struct sp_store_accounts_ops *accounts;
	const struct sp_store_history_ops *history;
};

/* "sqlite:/path/serapis.db" (or sqlite::memory: for tests). Opens, migrates (serve's rule: the embedded store migrates at start) and, as a lock proves that no other process
 * has this database, lets all leases end now. NULL + err: SP_E_INVALID (URL), SP_E_CONFLICT (another process has it; the message names its pid), SP_E_UNSUPPORTED (network file system, schema
 * newer than this program), SP_E_IO. Free with sp_store_close(). */
struct sp_store *sp_store_open(const char *url, struct sp_err *err) SP_MUSTCHECK;

/* For the command line (users, keys, lists), which must work while the service runs: like sp_store_open(), but if another process has the database, it is opened beside that one: nothing is
 * migrated, no lease ends, and create, claim, release, finish and renew answer SP_E_CONFLICT. *beside says so; NULL if the caller does not mind. SP_E_UNSUPPORTED when the running process has another schema. */
struct sp_store *sp_store_open_beside(const char *url, bool *beside, struct sp_err *err) SP_MUSTCHECK;

/* Checked wrappers: validate arguments, add context to errors, log slow calls. Callers use these, never ops. */
int sp_store_create(struct sp_store *s, const struct sp_new_evaluation *in, enum sp_create_outcome *outcome, struct sp_evaluation *out,
        struct sp_err *err) SP_MUSTCHECK;
int sp_store_claim(struct sp_store *s, const struct sp_claim_request *in, enum sp_claim_outcome *outcome, struct sp_stored *out,
        struct sp_err *err) SP_MUSTCHECK;
int sp_store_release(
        struct sp_store *s, const struct sp_id *id, int64_t claim_no, bool began, bool *applied, struct sp_err *err) SP_MUSTCHECK;
int sp_store_finish(struct sp_store *s, const struct sp_finish *in, bool *applied, struct sp_err *err) SP_MUSTCHECK;
int sp_store_renew(
        struct sp_store *s, const char *evaluator_id, int64_t lease_ms, struct sp_lease *leases, size_t n, struct sp_err *err) SP_MUSTCHECK;
int sp_store_get(struct sp_store *s, const struct sp_id *id, bool with_data, struct sp_stored *out, struct sp_err *err) SP_MUSTCHECK;
int sp_store_scan(
        struct sp_store *s, const struct sp_scan_request *in, struct sp_scan_item *items, size_t max, struct sp_err *err) SP_MUSTCHECK;
int sp_store_sweep(struct sp_store *s, const struct sp_id *ids, size_t n, bool *terminal, struct sp_err *err) SP_MUSTCHECK;
int sp_store_cancel(
        struct sp_store *s, const struct sp_id *id, enum sp_cancel why, struct sp_evaluation *out, struct sp_err *err) SP_MUSTCHECK;
void sp_store_close(struct sp_store *s); /* NULL is fine */

#endif
