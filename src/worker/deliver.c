/* SPDX-License-Identifier: MIT */
/*
 * What is done with a delivery: the table of service-rules.md section 2. The order is fixed: the result is stored, then the waiters are told, then the delivery is acknowledged; so
 * a death at any point leaves either a message or a lease that somebody else will find.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "core/ended.h"
#include "core/load.h"
#include "core/result.h"
#include "worker/internal.h"
#include "worker/run.h"

/* Calls to the store that fail for another reason than its absence are tried so often. */
#define HARD_TRIES 5
/* A run that was interrupted though nobody asked for it is run again so often. */
#define SPURIOUS_TRIES 3
#define BACKOFF_FIRST_MS 200
#define RELEASE_TRIES 3
/* Of a key's waiting evaluations so many at most are published when one of it ends; the janitor finds the rest. */
#define NEXT_MAX 16

struct run {
	struct sp_worker_slot *slot;
	struct sp_stored stored;
	struct sp_request request;
	struct sp_outcome outcome;
	char version[64];
	char id[SP_ID_TEXT];
	int64_t claimed_ns; /* monotonic, when the claim was made */
	uint64_t looks; /* of the worker, before the claim was made */
	bool began; /* the runtime was asked to run it */
};

/* An error that goes away by itself when the store is back. */
static bool store_away(const struct sp_err *e) { return e->retryable || e->code == SP_E_IO; }

/* ---- registration: from here on the claim is renewed ---- */

static void enroll(struct run *r, const struct sp_delivery *d)
{
	struct sp_worker_slot *slot = r->slot;
	struct sp_worker *w = slot->w;
	const struct sp_evaluation *row = &r->stored.row;

	pthread_mutex_lock(&w->lock);
	slot->has_run = true;
	slot->entered = slot->in_runtime = false;
	/* Drained while the claim was under way: given back at once. */
	slot->stop = w->draining ? SP_STOP_DRAIN : SP_STOP_NOT;
	slot->id = row->id;
	slot->claim_no = row->claim_no;
	slot->delivery = *d;
	/* A look between the claim and here has not seen this one. */
	if (w->looks != r->looks) {
		w->look = true;
		pthread_cond_broadcast(&w->changed);
	}
	pthread_mutex_unlock(&w->lock);
}

/* Ends the registration; the newest delivery is what has to be answered. */
static struct sp_delivery strike(struct sp_worker_slot *slot)
{
	struct sp_worker *w = slot->w;

	pthread_mutex_lock(&w->lock);
	struct sp_delivery d = slot->delivery;
	slot->has_run = slot->entered = slot->in_runtime = false;
	slot->stop = SP_STOP_NOT;
	pthread_mutex_unlock(&w->lock);
	return d;
}

static enum sp_stop stop_of(struct sp_worker_slot *slot)
{
	pthread_mutex_lock(&slot->w->lock);
	enum sp_stop s = slot->stop;
	pthread_mutex_unlock(&slot->w->lock);
	return s;
}

/* A second delivery of what this process runs: keeps the newer one for the end of the run. Asked before the claim, too: when the store has stood still for longer than a lease, the lease of
 * what runs here is over, and a claim would take it from its own run. Whether the run has lost it to somebody else is for the next renewal to find out. */
static bool keep_newer(struct sp_worker *w, const struct sp_delivery *d)
{
	bool found = false;

	pthread_mutex_lock(&w->lock);
	for (int i = 0; i < w->nslots && !found; i++) {
		found = w->slots[i].has_run && sp_id_equal(&w->slots[i].id, &d->id);
		if (found) w->slots[i].delivery = *d;
	}
	pthread_mutex_unlock(&w->lock);
	return found;
}

/* ---- the gate (internal.h) ---- */

static bool enter(struct sp_worker_slot *slot, bool alone)
{
	struct sp_worker *w = slot->w;

	pthread_mutex_lock(&w->lock);
	w->waiting_alone += alone;
	while (slot->stop == SP_STOP_NOT && (w->alone || (alone ? w->running > 0 : w->waiting_alone > 0)))
		pthread_cond_wait(&w->changed, &w->lock);
	w->waiting_alone -= alone;
	bool in = slot->stop == SP_STOP_NOT;
	if (in) {
		slot->entered = true;
		w->running++;
		w->alone = alone;
	}
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);
	return in;
}

static void leave(struct sp_worker_slot *slot)
{
	struct sp_worker *w = slot->w;

	pthread_mutex_lock(&w->lock);
	slot->entered = false;
	w->running--;
	w->alone = false; /* alone means that there was no other */
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);
}

/* ---- given back by a lost runtime ---- */

/* Counts one more time in a row, or with forget none any more; returns how often before. */
static int given_back(struct sp_worker *w, const struct sp_id *id, bool forget)
{
	int before = 0;

	pthread_mutex_lock(&w->lock);
	struct sp_given_back *g = NULL;
	for (size_t i = 0; i < SP_GIVEN_BACK_MEMORY && !g; i++)
		if (w->given_back[i].times && sp_id_equal(&w->given_back[i].id, id)) g = &w->given_back[i];
	if (g) before = g->times;
	if (!g && !forget) {
		g = &w->given_back[w->next_given_back++ % SP_GIVEN_BACK_MEMORY];
		*g = (struct sp_given_back){.id = *id};
	}
	if (g) g->times = forget ? 0 : g->times + 1;
	pthread_mutex_unlock(&w->lock);
	return before;
}

/* ---- running ---- */

static void refuse(struct run *r, enum sp_code code, const char *reason_code, const char *msg)
{
	sp_fail(&r->outcome.failure, code, 0, "%s", msg);
	r->outcome.failure_code = reason_code;
}

/* Reads what is to be run; false when it cannot be, with the outcome's failure filled. */
static bool prepare(struct run *r)
{
	struct sp_worker *w = r->slot->w;
	struct sp_err err = {0};
	struct sp_language_state state;
	const struct sp_bytes *form = &r->stored.data.request;

	r->outcome = (struct sp_outcome){.request = &r->request, .start = "cold"};
	if (sp_request_decode(form->p ? form->p : "", form->n, r->stored.row.language, w->parts.languages, &r->request, &err)) {
		refuse(r, err.code, err.code == SP_E_NOT_FOUND ? "language_unavailable" : NULL, err.msg);
		return false;
	}
	size_t i = (size_t)(r->request.language - w->parts.languages->list);
	sp_worker_language(w, i, &state);
	if (!state.available) {
		char msg[256];
		snprintf(msg, sizeof(msg), "%.40s is not available on this evaluator: %.160s", r->request.language->name, state.why);
		refuse(r, SP_E_UNSUPPORTED, "language_unavailable", msg);
		return false;
	}
	snprintf(r->version, sizeof(r->version), "%s", state.version);
	r->outcome.runtime_version = r->version;
	return true;
}

static void set_in_runtime(struct sp_worker_slot *slot, bool in)
{
	pthread_mutex_lock(&slot->w->lock);
	slot->in_runtime = in;
	pthread_mutex_unlock(&slot->w->lock);
}

static bool interrupted(const struct sp_outcome *o)
{
	return (o->compile.ran && o->compile.r.killed_by == SP_KILLED_CALLER) || (o->run.ran && o->run.r.killed_by == SP_KILLED_CALLER);
}

/* True when the stages came to an end of their own; false when they were stopped or never began. */
static bool execute(struct run *r)
{
	struct sp_worker_slot *slot = r->slot;
	struct sp_worker *w = slot->w;
	const struct sp_evaluation *row = &r->stored.row;

	if (!enter(slot, row->lost > 0)) return false;
	for (int i = 0;; i++) {
		bool last = i == SPURIOUS_TRIES || (row->max_runs > 0 && row->lost + row->begun + i + 1 >= row->max_runs);
		r->began = true;
		set_in_runtime(slot, true);
		sp_run_evaluation(w->parts.runtime, slot->index, &r->request, &r->outcome);
		set_in_runtime(slot, false);
		/* Why it was no warm one: no language has those yet. */
		if (r->outcome.run.ran) sp_metric_count(SP_M_STARTS, r->request.language->id, r->outcome.start, "no_warm_start");
		if (!interrupted(&r->outcome) || stop_of(slot) != SP_STOP_NOT || last) break;
		/* An interrupt that was meant for the slot's evaluation before and came late. */
		sp_outcome_fini_stages(&r->outcome);
	}
	leave(slot);
	return !interrupted(&r->outcome);
}

static void fill_times(struct run *r)
{
	const struct sp_evaluation *row = &r->stored.row;
	int64_t queue_ms = row->started_at_ms - row->created_at_ms, all_ms = sp_wall_ms() - row->created_at_ms;

	if (queue_ms < 0) queue_ms = 0;
	if (all_ms < queue_ms) all_ms = queue_ms;
	r->outcome.queue_ns = queue_ms * SP_NS_PER_MS;
	/* started_at is the first claim's; for a later one only the dates tell how long it all took. */
	r->outcome.total_ns = row->claim_no == 1 ? r->outcome.queue_ns + (sp_mono_ns() - r->claimed_ns) : all_ms * SP_NS_PER_MS;
}

/* ---- ends of a run ---- */

static void count(struct sp_worker *w, uint64_t *counter)
{
	pthread_mutex_lock(&w->lock);
	(*counter)++;
	pthread_mutex_unlock(&w->lock);
}

static void answer(struct sp_worker *w, const struct sp_delivery *d)
{
	/* Whether somebody waits is known to the broker's other end; telling nobody is cheap. */
	sp_broker_reply(w->parts.broker, d);
	sp_broker_ack(w->parts.broker, d);
}

/* An evaluation has ended whose key may run only so many at a time: whoever found the key busy has left the rest to this. What is not published here is found by the janitor. */
static void publish_next(struct sp_worker *w, const struct sp_evaluation *ended)
{
	struct sp_scan_request in = {.what = SP_SCAN_OF_KEY, .key_id = ended->key_id, .max_running = ended->max_running};
	struct sp_scan_item items[NEXT_MAX];
	struct sp_err err = {0};

	if (ended->max_running == 0) return;
	int n = sp_store_scan(w->parts.store, &in, items, NEXT_MAX, &err);
	for (int i = 0; i < n; i++)
		if (sp_broker_publish(w->parts.broker, &items[i].id, items[i].class_, true, &err) != 0) n = -1;
	if (n < 0) sp_log_warn("worker", "next of a key not published", SP_S("key_id", ended->key_id), SP_ERR(&err));
}

/* The claim is another's, or the row is gone: the result is nobody's. */
static void discard(struct run *r, const char *why)
{
	struct sp_worker *w = r->slot->w;

	sp_log_warn("worker", "result discarded", SP_S("evaluation_id", r->id), SP_I("claim_no", r->stored.row.claim_no), SP_S("why", why));
	count(w, &w->lost);
	sp_metric_count(SP_M_LEASES_LOST);
	struct sp_delivery d = strike(r->slot);
	sp_broker_ack(w->parts.broker, &d);
	publish_next(w, &r->stored.row);
}

static void give_back(struct run *r, const char *why)
{
	struct sp_worker *w = r->slot->w;
	struct sp_err err = {0};
	bool applied = false;
	int64_t wait = BACKOFF_FIRST_MS;
	int rc = -1;

	for (int i = 0; i < RELEASE_TRIES; i++) {
		rc = sp_store_release(w->parts.store, &r->stored.row.id, r->stored.row.claim_no, r->began, &applied, &err);
		if (rc == 0 || !sp_worker_pause(w, sp_worker_backoff(&wait), &w->expired)) break;
	}
	/* What could not be released is found by its lease. */
	if (rc)
		sp_log_warn("worker", "claim not released", SP_S("evaluation_id", r->id), SP_ERR(&err));
	else
		sp_log_info("worker", "claim released", SP_S("evaluation_id", r->id), SP_I("claim_no", r->stored.row.claim_no),
		        SP_S("why", why));
	if (applied) count(w, &w->released);
	struct sp_delivery d = strike(r->slot);
	sp_broker_requeue(w->parts.broker, &d);
}

static void tell_ended(const struct run *r, const struct sp_finish *f, const char *reason)
{
	const struct sp_worker *w = r->slot->w;
	const struct sp_outcome *o = &r->outcome;
	const struct sp_ended e = {.id = &f->id,
	        .language = r->stored.row.language,
	        .claim_no = f->claim_no,
	        .status = f->status,
	        .verdict = f->verdict,
	        .reason = *reason ? reason : NULL,
	        .evaluator_id = w->evaluator_id,
	        .error = o->failure.code == SP_OK ? NULL : o->failure.msg,
	        .queue_ns = o->queue_ns,
	        .run_ns = o->run.ran ? o->run.r.wall_ns : 0,
	        .total_ns = o->total_ns};

	sp_evaluation_ended("worker", w->parts.languages, &e);
	sp_load_ran(r->stored.row.class_, sp_mono_ns() - r->claimed_ns);
	const char *language = sp_language_label(w->parts.languages, e.language);
	sp_metric_time(SP_M_STAGE, o->queue_ns, "queue", language);
	if (o->compile.ran) sp_metric_time(SP_M_STAGE, o->compile.r.wall_ns, "compile", language);
	if (o->run.ran) sp_metric_time(SP_M_STAGE, o->run.r.wall_ns, "run", language);
}

/* Ended by the claim itself, in the store. */
static void tell_ended_by_claim(struct sp_worker *w, const struct sp_delivery *d, const struct sp_evaluation *row, bool canceled)
{
	const struct sp_ended e = {.id = &d->id,
	        .language = row->language,
	        .claim_no = row->claim_no,
	        .status = canceled ? SP_STATUS_CANCELED : SP_STATUS_FAILED,
	        .verdict = canceled ? NULL : "internal_error",
	        .reason = canceled ? "canceled" : "evaluator_lost",
	        .queue_ns = -1,
	        .run_ns = -1,
	        .total_ns = -1};

	sp_evaluation_ended("worker", w->parts.languages, &e);
}

/* Stores one form of the result. 1: stored, 0: not ours any more, -1: given up as the drain's time is over, -2: the store will not have it. */
static int store_result(struct run *r, struct sp_finish *f)
{
	struct sp_worker *w = r->slot->w;
	int64_t wait = BACKOFF_FIRST_MS;

	for (int hard = 0;;) {
		struct sp_err err = {0};
		bool applied = false;
		if (sp_store_finish(w->parts.store, f, &applied, &err) == 0) return applied;
		sp_log_error("worker", "result not stored yet", SP_S("evaluation_id", r->id), SP_ERR(&err));
		if (!store_away(&err) && ++hard == HARD_TRIES) return -2;
		if (stop_of(r->slot) == SP_STOP_LOST) return 0;
		if (!sp_worker_pause(w, sp_worker_backoff(&wait), &w->expired)) return -1;
	}
}

static void finish(struct run *r, bool canceled)
{
	struct sp_worker *w = r->slot->w;
	struct sp_finish f = {.id = r->stored.row.id, .claim_no = r->stored.row.claim_no};
	struct sp_finish_hold hold;

	fill_times(r);
	r->outcome.canceled = canceled;
	sp_outcome_judge(&r->outcome, &f, &hold);
	int rc = store_result(r, &f);
	if (rc == -2) {
		/* Better a failure that says so than an evaluation that comes back until its leases are used up. */
		sp_finish_hold_fini(&hold);
		sp_outcome_fini_stages(&r->outcome);
		refuse(r, SP_E_INTERNAL, "result_not_stored", "the result could not be stored");
		sp_outcome_judge(&r->outcome, &f, &hold);
		rc = store_result(r, &f);
	}
	if (rc == 1) {
		tell_ended(r, &f, hold.reason);
		given_back(w, &f.id, true);
		count(w, &w->runs);
		struct sp_delivery d = strike(r->slot);
		answer(w, &d);
		publish_next(w, &r->stored.row);
	} else if (rc == 0) {
		discard(r, "claimed anew or erased");
	} else {
		sp_log_error("worker", "result given up", SP_S("evaluation_id", r->id), SP_I("claim_no", f.claim_no));
		struct sp_delivery d = strike(r->slot);
		sp_broker_requeue(w->parts.broker, &d);
	}
	sp_finish_hold_fini(&hold);
}

/* The runtime was lost under the run: nothing was judged. */
static void runtime_lost(struct run *r)
{
	struct sp_worker *w = r->slot->w;
	int before = given_back(w, &r->stored.row.id, false);

	if (before >= SP_GIVEN_BACK_MAX) {
		finish(r, false);
		return;
	}
	/* The box is started again meanwhile; the claim is kept, so that nobody takes it in vain. */
	(void)sp_worker_pause(w, BACKOFF_FIRST_MS << before, &w->draining);
	give_back(r, "runtime lost");
}

static void evaluate(struct run *r)
{
	bool runnable = prepare(r);
	bool ended = runnable ? execute(r) : true;
	enum sp_stop stop = stop_of(r->slot);

	if (stop == SP_STOP_LOST)
		discard(r, "lease lost");
	else if (stop == SP_STOP_CANCEL)
		finish(r, true);
	else if (!ended)
		give_back(r, stop == SP_STOP_DRAIN ? "drained" : "interrupted");
	else if (r->outcome.failure.code == SP_E_UNAVAILABLE)
		runtime_lost(r);
	else
		finish(r, false);
}

/* ---- the delivery ---- */

/* 0: claimed or judged, -1: the delivery has been dealt with otherwise. */
static int claim(struct sp_worker *w, const struct sp_delivery *d, enum sp_claim_outcome *outcome, struct run *r)
{
	struct sp_claim_request in = {.id = d->id,
	        .evaluator_id = w->evaluator_id,
	        .lease_ms = w->parts.config->lease_ms,
	        .max_lost = (int32_t)w->parts.config->max_lost};
	int64_t wait = BACKOFF_FIRST_MS;

	for (int hard = 0;;) {
		struct sp_err err = {0};
		pthread_mutex_lock(&w->lock);
		r->looks = w->looks;
		pthread_mutex_unlock(&w->lock);
		r->claimed_ns = sp_mono_ns();
		if (sp_store_claim(w->parts.store, &in, outcome, &r->stored, &err) == 0) return 0;
		sp_log_warn("worker", "not claimed yet", SP_S("evaluation_id", r->id), SP_ERR(&err));
		if (!store_away(&err) && ++hard == HARD_TRIES) {
			/* Not lost: the row is still `created`, the janitor publishes it again later. */
			sp_broker_ack(w->parts.broker, d);
			return -1;
		}
		if (!sp_worker_pause(w, sp_worker_backoff(&wait), &w->draining)) {
			sp_broker_requeue(w->parts.broker, d);
			return -1;
		}
	}
}

void sp_worker_deliver(struct sp_worker_slot *slot, const struct sp_delivery *d)
{
	struct sp_worker *w = slot->w;
	struct run r = {.slot = slot};
	enum sp_claim_outcome outcome;

	sp_id_text(&d->id, r.id);
	if (keep_newer(w, d) || claim(w, d, &outcome, &r)) return;
	switch (outcome) {
	case SP_CLAIM_MINE:
		enroll(&r, d);
		evaluate(&r);
		break;
	case SP_CLAIM_ELSEWHERE:
		if (!keep_newer(w, d)) sp_broker_ack(w->parts.broker, d);
		break;
	case SP_CLAIM_ABSENT:
	case SP_CLAIM_BUSY: /* published again when one of its key ends */ sp_broker_ack(w->parts.broker, d); break;
	case SP_CLAIM_TERMINAL: answer(w, d); break;
	case SP_CLAIM_CANCELED:
	case SP_CLAIM_EXHAUSTED: /* it may have been one of those that run */
		tell_ended_by_claim(w, d, &r.stored.row, outcome == SP_CLAIM_CANCELED);
		answer(w, d);
		publish_next(w, &r.stored.row);
		break;
	}
	sp_outcome_fini_stages(&r.outcome);
	sp_request_fini(&r.request);
	sp_stored_fini(&r.stored);
}
