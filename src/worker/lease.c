/* SPDX-License-Identifier: MIT */
/* The watcher: renews all claims with one statement every lease_renew_ms, and when it is told to look, learns from it what is lost or to be canceled, and interrupts what is to stop. */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "worker/internal.h"

/* An interrupt that comes while a slot is between begin and its first step may be lost with that begin; it is repeated until the slot has left the runtime. */
#define REPEAT_MS 100
/* After a renewal that failed: leases live for several periods, so there is time for more than one more try. */
#define RETRY_MS 1000

void sp_worker_stop_slot(struct sp_worker_slot *slot, enum sp_stop why)
{
	if (slot->stop != SP_STOP_NOT && why != SP_STOP_LOST) return;
	slot->stop = why;
	pthread_cond_broadcast(&slot->w->changed);
}

/* Under the lock. True when something is still to end. */
static bool interrupt_stopped(struct sp_worker *w)
{
	bool any = false;

	for (int i = 0; i < w->nslots; i++) {
		struct sp_worker_slot *s = &w->slots[i];
		if (!s->in_runtime || s->stop == SP_STOP_NOT) continue;
		sp_runtime_interrupt(w->parts.runtime, i);
		any = true;
	}
	return any;
}

static void log_stop(const struct sp_lease *l, const char *msg)
{
	char id[SP_ID_TEXT];
	sp_id_text(&l->id, id);
	sp_log_warn("worker", msg, SP_S("evaluation_id", id), SP_I("claim_no", l->claim_no));
}

static int renew(struct sp_worker *w, struct sp_lease *leases)
{
	struct sp_err err = {0};
	size_t n = 0;

	pthread_mutex_lock(&w->lock);
	for (int i = 0; i < w->nslots; i++)
		if (w->slots[i].has_run) leases[n++] = (struct sp_lease){.id = w->slots[i].id, .claim_no = w->slots[i].claim_no};
	pthread_mutex_unlock(&w->lock);
	if (n == 0) return 0;

	/* The store is the judge of what is lost: while it is away nobody else can claim either, so programs go on. */
	if (sp_store_renew(w->parts.store, w->evaluator_id, w->parts.config->lease_ms, leases, n, &err)) {
		sp_log_warn("worker", "leases not renewed", SP_I("leases", n), SP_ERR(&err));
		return -1;
	}

	pthread_mutex_lock(&w->lock);
	for (size_t k = 0; k < n; k++) {
		if (!leases[k].lost && !leases[k].cancel) continue;
		for (int i = 0; i < w->nslots; i++) {
			struct sp_worker_slot *s = &w->slots[i];
			/* Ended meanwhile: the store told of its end, not of a loss. */
			if (!s->has_run || s->claim_no != leases[k].claim_no || !sp_id_equal(&s->id, &leases[k].id)) continue;
			sp_worker_stop_slot(s, leases[k].lost ? SP_STOP_LOST : SP_STOP_CANCEL);
			log_stop(&leases[k], leases[k].lost ? "lease lost" : "cancel requested");
		}
	}
	pthread_mutex_unlock(&w->lock);
	return 0;
}

void *sp_worker_watch(void *cls)
{
	struct sp_worker *w = cls;
	int64_t period = w->parts.config->lease_renew_ms, next = sp_mono_ns() + period * SP_NS_PER_MS;
	sp_autofree struct sp_lease *leases = sp_calloc((size_t)w->info.slots + 1, sizeof(*leases));

	pthread_mutex_lock(&w->lock);
	while (!w->ending) {
		int64_t now = sp_mono_ns();
		if (now >= next || w->look) {
			w->look = false;
			pthread_mutex_unlock(&w->lock);
			bool fine = renew(w, leases) == 0;
			pthread_mutex_lock(&w->lock);
			next = sp_mono_ns() + (fine || period < RETRY_MS ? period : RETRY_MS) * SP_NS_PER_MS;
			continue;
		}
		int64_t repeat = interrupt_stopped(w) ? now + REPEAT_MS * SP_NS_PER_MS : next;
		(void)sp_cond_wait_until(&w->changed, &w->lock, repeat < next ? repeat : next);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}
