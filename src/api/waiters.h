/* SPDX-License-Identifier: MIT */
/*
 * Requests that wait for the end of an evaluation. Three things wake a waiter: the broker's reply (a hint), the sweep of the store once a second (the truth, with one query for
 * all), and its own deadline. Whichever comes first takes it out of the table; a thread of a small pool then reads the evaluation and has it answered, or puts it back if
 * the hint was wrong or the store is away.
 */
#ifndef SP_API_WAITERS_H
#define SP_API_WAITERS_H

#include "core/result.h"
#include "http/server.h"
#include "http/workpool.h"
#include "store/store.h"

struct sp_http_request;
struct sp_waiters;

#define SP_WAITERS_ENCODINGS 2 /* of enum sp_encoding */

struct sp_waiter {
	struct sp_http_request *request; /* held */
	struct sp_id id; /* of what is waited for */
	struct sp_evaluation row; /* as last seen; shown when the store cannot be asked. The answering thread's */
	enum sp_encoding encoding;
	bool created_here; /* by this request: 202 while it has not ended */
	char *echo; /* answered in the form of the original API, with these fields of the request as JSON; NULL: in ours. Owned */
	void *cls; /* of whoever added it */
	int64_t deadline_ns; /* sp_mono_ns() */

	struct sp_work _work;
	struct sp_waiters *_ws;
	struct sp_waiter *_chain, *_same; /* bucket; others that wait for the same and were taken out together */
	size_t _heap; /* index in the heap of deadlines */
	bool _final; /* the wait is over whatever the store says */
};

/* Answers w's request and frees nothing. s: the evaluation, or NULL when there is none any more. rendered: the answers' texts by encoding, NULL where there is none yet; the same array for all who are
 * answered with the same s, so that it is rendered once for all of them. Pool thread, or the one that added. */
typedef void (*sp_waiters_answer)(
        void *cls, struct sp_waiter *w, const struct sp_stored *s, struct sp_http_text *rendered[SP_WAITERS_ENCODINGS]);

/* Starts the threads. NULL + err. */
struct sp_waiters *sp_waiters_start(struct sp_store *store, sp_waiters_answer answer, void *cls, struct sp_err *err) SP_MUSTCHECK;
/* w: malloc'ed, consumed. Any thread; after sp_waiters_close the waiter is answered before this returns. */
void sp_waiters_add(struct sp_waiters *ws, struct sp_waiter *w);
/* The evaluation is said to have ended. Any thread, does not block. */
void sp_waiters_wake(struct sp_waiters *ws, const struct sp_id *id);
/* Runs a piece of work on the pool, if only for not blocking where one is. False: the pool has ended, w stays the caller's. */
bool sp_waiters_do(struct sp_waiters *ws, struct sp_work *w) SP_MUSTCHECK;
/* When the store last answered a sweep, sp_mono_ns(); 0: not yet. */
int64_t sp_waiters_store_seen_ns(struct sp_waiters *ws);
size_t sp_waiters_count(struct sp_waiters *ws); /* how many wait for their answer */
/* Waits until nobody waits or timeout_ms is over, then ends all waits. Returns how many were cut short. */
size_t sp_waiters_close(struct sp_waiters *ws, int64_t timeout_ms);
void sp_waiters_free(struct sp_waiters *ws); /* after close; NULL is fine */

#endif
