/* SPDX-License-Identifier: MIT */
/*
 * Under ws->mu: a waiter is either in the table and the heap of deadlines (both or none), or it belongs to one job of the pool. Taking out is what decides who answers, so a
 * reply, a sweep and a deadline that come together answer once.
 */
#include "api/waiters.h"

#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define BUCKETS 4096
#define POOL_THREADS 4
#define LATE_THREADS 2
#define SWEEP_NS SP_NS_PER_S
#define PING_NS (3 * SP_NS_PER_S) /* of the store while nobody waits: readiness wants an answer within 10 s */

struct sp_waiters {
	struct sp_store *store;
	sp_waiters_answer answer;
	void *cls;
	struct sp_workpool *pool, *late; /* late: for those whose deadline has come, so that they need not wait behind large answers */

	pthread_mutex_t mu;
	pthread_cond_t earlier; /* the first deadline has changed, or the end has come */
	pthread_cond_t sweep; /* the end has come */
	pthread_cond_t fewer; /* somebody was answered */
	struct sp_waiter *buckets[BUCKETS];
	struct sp_waiter **heap;
	size_t n, cap;
	size_t unanswered; /* those in jobs too */
	bool closed, ends;
	int64_t store_seen_ns;
	pthread_t deadlines, sweeper;
	bool deadlines_runs, sweeper_runs;
};

static void heap_set(struct sp_waiters *ws, size_t i, struct sp_waiter *w)
{
	ws->heap[i] = w;
	w->_heap = i;
}

static void heap_place(struct sp_waiters *ws, size_t i, struct sp_waiter *w)
{
	while (i > 0 && ws->heap[(i - 1) / 2]->deadline_ns > w->deadline_ns) {
		heap_set(ws, i, ws->heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	for (size_t child; (child = 2 * i + 1) < ws->n; i = child) {
		if (child + 1 < ws->n && ws->heap[child + 1]->deadline_ns < ws->heap[child]->deadline_ns) child++;
		if (ws->heap[child]->deadline_ns >= w->deadline_ns) break;
		heap_set(ws, i, ws->heap[child]);
	}
	heap_set(ws, i, w);
}

static struct sp_waiter **bucket_of(struct sp_waiters *ws, const struct sp_id *id) { return &ws->buckets[sp_id_hash(id) % BUCKETS]; }

static void put_in(struct sp_waiters *ws, struct sp_waiter *w)
{
	if (ws->n == ws->cap) {
		ws->cap = ws->cap ? ws->cap * 2 : 256;
		ws->heap = sp_realloc(ws->heap, ws->cap, sizeof(ws->heap[0]));
	}
	struct sp_waiter **b = bucket_of(ws, &w->id);
	w->_chain = *b;
	w->_same = NULL;
	*b = w;
	ws->n++;
	heap_place(ws, ws->n - 1, w);
	if (w->_heap == 0) pthread_cond_signal(&ws->earlier);
}

static void take_out(struct sp_waiters *ws, struct sp_waiter *w)
{
	struct sp_waiter **at = bucket_of(ws, &w->id);
	while (*at != w) at = &(*at)->_chain;
	*at = w->_chain;

	struct sp_waiter *last = ws->heap[--ws->n];
	if (last != w) heap_place(ws, w->_heap, last);
}

static void drop_texts(struct sp_http_text *t[SP_WAITERS_ENCODINGS])
{
	for (size_t i = 0; i < SP_WAITERS_ENCODINGS; i++) sp_http_text_unref(t[i]);
}

/* What the waiters of one list get, all for the same evaluation. */
static void answer_all(struct sp_waiters *ws, struct sp_waiter *list)
{
	struct sp_stored s = {0};
	struct sp_err err = {0};
	struct sp_http_text *rendered[SP_WAITERS_ENCODINGS] = {NULL};
	bool found = sp_store_get(ws->store, &list->id, true, &s, &err) == 0;
	bool absent = !found && err.code == SP_E_NOT_FOUND;
	bool ended = absent || (found && sp_status_terminal(s.row.status));

	if (!found && !absent) sp_log_warn("api", "cannot read an evaluation that somebody waits for", SP_ERR(&err));
	for (struct sp_waiter *w = list, *next; w; w = next) {
		next = w->_same;
		if (found) w->row = s.row;
		pthread_mutex_lock(&ws->mu);
		bool again = !ended && !w->_final && !ws->closed;
		if (again) put_in(ws, w);
		pthread_mutex_unlock(&ws->mu);
		if (again) continue;
		struct sp_stored last = {.row = w->row};
		struct sp_http_text *own[SP_WAITERS_ENCODINGS] = {NULL};
		ws->answer(ws->cls, w, absent ? NULL : found ? &s : &last, found ? rendered : own);
		drop_texts(own);
		free(w->echo);
		free(w);
		pthread_mutex_lock(&ws->mu);
		ws->unanswered--;
		pthread_cond_broadcast(&ws->fewer);
		pthread_mutex_unlock(&ws->mu);
	}
	drop_texts(rendered);
	sp_stored_fini(&s);
}

static void run_job(struct sp_work *work)
{
	struct sp_waiter *w = (struct sp_waiter *)((char *)work - offsetof(struct sp_waiter, _work));
	answer_all(w->_ws, w);
}

static void start_job(struct sp_waiters *ws, struct sp_waiter *list)
{
	list->_work.fn = run_job;
	/* The pools have no bound, there is one job a waiter at most, and they are stopped after the last. */
	bool ok = sp_workpool_push(list->_final ? ws->late : ws->pool, &list->_work);
	SP_BUG_ON(!ok);
}

void sp_waiters_add(struct sp_waiters *ws, struct sp_waiter *w)
{
	w->_ws = ws;
	w->_same = NULL;
	pthread_mutex_lock(&ws->mu);
	ws->unanswered++;
	bool closed = ws->closed;
	if (!closed) put_in(ws, w);
	pthread_mutex_unlock(&ws->mu);
	if (closed) answer_all(ws, w);
}

void sp_waiters_wake(struct sp_waiters *ws, const struct sp_id *id)
{
	struct sp_waiter *list = NULL;

	pthread_mutex_lock(&ws->mu);
	for (struct sp_waiter *w = *bucket_of(ws, id), *next; w; w = next) {
		next = w->_chain;
		if (!sp_id_equal(&w->id, id)) continue;
		take_out(ws, w);
		w->_same = list;
		list = w;
	}
	if (list) start_job(ws, list);
	pthread_mutex_unlock(&ws->mu);
}

static void *watch_deadlines(void *cls)
{
	struct sp_waiters *ws = cls;

	pthread_mutex_lock(&ws->mu);
	while (!ws->ends) {
		int64_t now = sp_mono_ns();
		while (ws->n && ws->heap[0]->deadline_ns <= now) {
			struct sp_waiter *w = ws->heap[0];
			take_out(ws, w);
			w->_final = true;
			start_job(ws, w);
		}
		if (ws->n)
			(void)sp_cond_wait_until(&ws->earlier, &ws->mu, ws->heap[0]->deadline_ns);
		else
			pthread_cond_wait(&ws->earlier, &ws->mu);
	}
	pthread_mutex_unlock(&ws->mu);
	return NULL;
}

/* One query about everybody. The array is as large as the number of waiters, which the number of connections bounds. */
static void sweep_once(struct sp_waiters *ws, struct sp_id *ids, bool *terminal, size_t n)
{
	struct sp_err err = {0};

	if (sp_store_sweep(ws->store, ids, n, terminal, &err) < 0) {
		sp_log_warn("api", "the store does not answer", SP_ERR(&err));
		return;
	}
	pthread_mutex_lock(&ws->mu);
	ws->store_seen_ns = sp_mono_ns();
	pthread_mutex_unlock(&ws->mu);
	for (size_t i = 0; i < n; i++) {
		if (terminal[i]) sp_waiters_wake(ws, &ids[i]);
	}
}

static void *sweep(void *cls)
{
	struct sp_waiters *ws = cls;
	int64_t next = sp_mono_ns();

	pthread_mutex_lock(&ws->mu);
	for (;;) {
		while (!ws->ends && sp_cond_wait_until(&ws->sweep, &ws->mu, next) == 0) continue;
		if (ws->ends) break;
		size_t n = ws->n;
		next = sp_mono_ns() + SWEEP_NS;
		if (n == 0 && sp_mono_ns() - ws->store_seen_ns < PING_NS) continue;
		struct sp_id *ids = sp_calloc(n + 1, sizeof(*ids));
		bool *terminal = sp_calloc(n + 1, sizeof(*terminal));
		for (size_t i = 0; i < n; i++) ids[i] = ws->heap[i]->id;
		pthread_mutex_unlock(&ws->mu);
		sweep_once(ws, ids, terminal, n);
		free(ids);
		free(terminal);
		pthread_mutex_lock(&ws->mu);
	}
	pthread_mutex_unlock(&ws->mu);
	return NULL;
}

struct sp_waiters *sp_waiters_start(struct sp_store *store, sp_waiters_answer answer, void *cls, struct sp_err *err)
{
	struct sp_waiters *ws = sp_new(struct sp_waiters);
	ws->store = store;
	ws->answer = answer;
	ws->cls = cls;
	pthread_mutex_init(&ws->mu, NULL);
	sp_cond_init(&ws->earlier);
	sp_cond_init(&ws->sweep);
	sp_cond_init(&ws->fewer);
	if (!(ws->pool = sp_workpool_start("api-answer", POOL_THREADS, SIZE_MAX, err))) goto fail;
	if (!(ws->late = sp_workpool_start("api-late", LATE_THREADS, SIZE_MAX, err))) goto fail;

	sigset_t all, old;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int e = pthread_create(&ws->deadlines, NULL, watch_deadlines, ws);
	ws->deadlines_runs = e == 0;
	if (!e) e = pthread_create(&ws->sweeper, NULL, sweep, ws);
	ws->sweeper_runs = ws->deadlines_runs && e == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (e) {
		sp_fail(err, SP_E_LIMIT, e, "start the threads for waiting requests");
		goto fail;
	}
	pthread_setname_np(ws->deadlines, "api-deadlines");
	pthread_setname_np(ws->sweeper, "api-sweep");
	return ws;
fail:
	sp_waiters_free(ws);
	return NULL;
}

bool sp_waiters_do(struct sp_waiters *ws, struct sp_work *w) { return sp_workpool_push(ws->pool, w); }

int64_t sp_waiters_store_seen_ns(struct sp_waiters *ws)
{
	pthread_mutex_lock(&ws->mu);
	int64_t t = ws->store_seen_ns;
	pthread_mutex_unlock(&ws->mu);
	return t;
}

size_t sp_waiters_count(struct sp_waiters *ws)
{
	pthread_mutex_lock(&ws->mu);
	size_t n = ws->unanswered;
	pthread_mutex_unlock(&ws->mu);
	return n;
}

size_t sp_waiters_close(struct sp_waiters *ws, int64_t timeout_ms)
{
	int64_t until = sp_mono_ns() + timeout_ms * SP_NS_PER_MS;

	pthread_mutex_lock(&ws->mu);
	while (ws->unanswered && sp_cond_wait_until(&ws->fewer, &ws->mu, until) == 0) continue;
	ws->closed = true;
	size_t cut = ws->n;
	while (ws->n) {
		struct sp_waiter *w = ws->heap[0];
		take_out(ws, w);
		w->_final = true;
		start_job(ws, w);
	}
	/* Every job reads the store once and ends: this wait is as long as the store's own patience. */
	while (ws->unanswered) pthread_cond_wait(&ws->fewer, &ws->mu);
	pthread_mutex_unlock(&ws->mu);
	return cut;
}

void sp_waiters_free(struct sp_waiters *ws)
{
	if (!ws) return;
	pthread_mutex_lock(&ws->mu);
	SP_BUG_ON(ws->unanswered);
	ws->ends = true;
	pthread_cond_broadcast(&ws->earlier);
	pthread_cond_broadcast(&ws->sweep);
	pthread_mutex_unlock(&ws->mu);
	if (ws->deadlines_runs) pthread_join(ws->deadlines, NULL);
	if (ws->sweeper_runs) pthread_join(ws->sweeper, NULL);
	sp_workpool_stop(ws->pool, false);
	sp_workpool_free(ws->pool);
	sp_workpool_stop(ws->late, false);
	sp_workpool_free(ws->late);
	pthread_cond_destroy(&ws->earlier);
	pthread_cond_destroy(&ws->sweep);
	pthread_cond_destroy(&ws->fewer);
	pthread_mutex_destroy(&ws->mu);
	free(ws->heap);
	free(ws);
}
