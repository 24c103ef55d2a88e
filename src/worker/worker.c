/* SPDX-License-Identifier: MIT */
/* Threads of the worker: start, the loop of a slot, readiness, drain. The design is told in internal.h. */
#include "worker/worker.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "worker/internal.h"

#define TAKE_MS 1000
#define UNHEALTHY_MS 200
#define BACKOFF_MAX_MS 10000

bool sp_worker_pause(struct sp_worker *w, int64_t ms, const bool *flag)
{
	int64_t until = sp_mono_ns() + ms * SP_NS_PER_MS;

	pthread_mutex_lock(&w->lock);
	while (!*flag && sp_mono_ns() < until) (void)sp_cond_wait_until(&w->changed, &w->lock, until);
	bool go_on = !*flag;
	pthread_mutex_unlock(&w->lock);
	return go_on;
}

int64_t sp_worker_backoff(int64_t *ms)
{
	int64_t now = *ms, quarter = now / 4;

	*ms = now * 2 < BACKOFF_MAX_MS ? now * 2 : BACKOFF_MAX_MS;
	/* The clock's last digits are random enough to keep slots from coming back all at once. */
	return now - quarter + sp_mono_ns() / 1000 % (2 * quarter + 1);
}

static bool draining(struct sp_worker *w)
{
	pthread_mutex_lock(&w->lock);
	bool d = w->draining;
	pthread_mutex_unlock(&w->lock);
	return d;
}

static void *slot_main(void *cls)
{
	struct sp_worker_slot *slot = cls;
	struct sp_worker *w = slot->w;
	struct sp_delivery d;

	if (sp_worker_probe(slot)) {
		while (!draining(w)) {
			/* Taking what cannot be run would only use up its tries. */
			if (sp_runtime_healthy_slots(w->parts.runtime) == 0) {
				(void)sp_worker_pause(w, UNHEALTHY_MS, &w->draining);
				continue;
			}
			enum sp_take got = sp_broker_take(w->parts.broker, TAKE_MS, &d);
			if (got == SP_TAKE_STOPPED) break;
			if (got == SP_TAKE_GOT) sp_worker_deliver(slot, &d);
		}
	}
	pthread_mutex_lock(&w->lock);
	w->live--;
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

static void name_evaluator(struct sp_worker *w)
{
	const char *given = w->parts.config->evaluator_id;
	char host[41] = "";

	if (given && *given) {
		snprintf(w->evaluator_id, sizeof(w->evaluator_id), "%.*s", SP_EVALUATOR_LEN - 1, given);
		return;
	}
	if (gethostname(host, sizeof(host) - 1) != 0 || !*host) memcpy(host, "evaluator", sizeof("evaluator"));
	snprintf(w->evaluator_id, sizeof(w->evaluator_id), "%s-%ld", host, (long)getpid());
}

static void free_worker(struct sp_worker *w)
{
	pthread_cond_destroy(&w->changed);
	pthread_mutex_destroy(&w->lock);
	free(w->languages);
	free(w->slots);
	free(w);
}

static void end_watcher(struct sp_worker *w)
{
	pthread_mutex_lock(&w->lock);
	w->ending = true;
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->watcher, NULL);
}

/* A slot that cannot take work now may be busy, too: it is counted once, as busy. */
static void count_slots(void *cls)
{
	struct sp_worker *w = cls;
	int healthy = sp_runtime_healthy_slots(w->parts.runtime);
	struct sp_worker_stats s;

	sp_worker_stats(w, &s);
	int broken = s.slots - healthy;
	if (broken > s.slots - s.busy) broken = s.slots - s.busy;
	if (broken < 0) broken = 0;
	sp_metric_gauge(SP_M_SLOTS, s.busy, "busy");
	sp_metric_gauge(SP_M_SLOTS, broken, "broken");
	sp_metric_gauge(SP_M_SLOTS, s.slots - s.busy - broken, "idle");
}

struct sp_worker *sp_worker_start(const struct sp_worker_parts *parts, struct sp_err *err)
{
	struct sp_worker *w = sp_new(struct sp_worker);

	w->parts = *parts;
	sp_runtime_info(parts->runtime, &w->info);
	w->nslots = w->info.slots;
	w->slots = sp_calloc((size_t)w->nslots + 1, sizeof(*w->slots));
	w->languages = sp_calloc(parts->languages->n + 1, sizeof(*w->languages));
	pthread_mutex_init(&w->lock, NULL);
	sp_cond_init(&w->changed);
	name_evaluator(w);
	/* All of them before any thread: the watcher looks at every slot. */
	for (int i = 0; i < w->nslots; i++) w->slots[i] = (struct sp_worker_slot){.w = w, .index = i};
	w->metrics = (struct sp_metrics_watch){.fn = count_slots, .cls = w};
	sp_metric_start(SP_M_LEASES_LOST);

	int rc = pthread_create(&w->watcher, NULL, sp_worker_watch, w);
	if (rc) {
		sp_fail(err, SP_E_INTERNAL, rc, "start the worker's watcher");
		free_worker(w);
		return NULL;
	}
	pthread_setname_np(w->watcher, "worker-watch");
	for (int i = 0; i < w->nslots; i++) {
		struct sp_worker_slot *s = &w->slots[i];
		pthread_mutex_lock(&w->lock);
		rc = pthread_create(&s->thread, NULL, slot_main, s);
		if (rc == 0) w->live++;
		pthread_mutex_unlock(&w->lock);
		if (rc) {
			sp_fail(err, SP_E_INTERNAL, rc, "start the thread of slot %d", i);
			pthread_mutex_lock(&w->lock);
			w->nslots = i;
			pthread_mutex_unlock(&w->lock);
			sp_worker_drain(w, 0);
			return NULL;
		}
		char name[16];
		snprintf(name, sizeof(name), "slot-%d", i);
		pthread_setname_np(s->thread, name);
	}
	sp_metrics_watch(&w->metrics);
	return w;
}

void sp_worker_language(struct sp_worker *w, size_t i, struct sp_language_state *out)
{
	SP_BUG_ON(i >= w->parts.languages->n);
	pthread_mutex_lock(&w->lock);
	*out = w->languages[i];
	if (w->probed < w->parts.languages->n && !out->available && !out->why[0])
		snprintf(out->why, sizeof(out->why), "it is still being looked for");
	pthread_mutex_unlock(&w->lock);
}

const char *sp_worker_not_ready(struct sp_worker *w)
{
	pthread_mutex_lock(&w->lock);
	bool drains = w->draining, probes = w->probed < w->parts.languages->n;
	pthread_mutex_unlock(&w->lock);
	if (drains) return "the evaluator is draining";
	if (probes) return "the evaluator is still looking for its languages";
	if (sp_runtime_healthy_slots(w->parts.runtime) == 0) return "no slot of the evaluator can run programs";
	return NULL;
}

void sp_worker_look(struct sp_worker *w)
{
	pthread_mutex_lock(&w->lock);
	w->look = true;
	w->looks++;
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);
}

void sp_worker_stats(struct sp_worker *w, struct sp_worker_stats *out)
{
	pthread_mutex_lock(&w->lock);
	*out = (struct sp_worker_stats){.slots = w->nslots, .runs = w->runs, .lost = w->lost, .released = w->released};
	for (int i = 0; i < w->nslots; i++) out->busy += w->slots[i].has_run;
	pthread_mutex_unlock(&w->lock);
}

void sp_worker_drain(struct sp_worker *w, int64_t timeout_ms)
{
	if (!w) return;
	int64_t until = sp_mono_ns() + timeout_ms * SP_NS_PER_MS;

	pthread_mutex_lock(&w->lock);
	w->draining = true;
	for (int i = 0; i < w->nslots; i++) {
		struct sp_worker_slot *s = &w->slots[i];
		/* Waits to run alone, or is being claimed: nothing is lost by giving it back. The same for a version command. */
		if (s->has_run ? !s->entered : s->in_runtime) sp_worker_stop_slot(s, SP_STOP_DRAIN);
	}
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);
	sp_broker_stop(w->parts.broker);

	pthread_mutex_lock(&w->lock);
	while (w->live > 0 && sp_mono_ns() < until) (void)sp_cond_wait_until(&w->changed, &w->lock, until);
	w->expired = true;
	for (int i = 0; i < w->nslots; i++)
		if (w->slots[i].has_run) sp_worker_stop_slot(&w->slots[i], SP_STOP_DRAIN);
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);

	for (int i = 0; i < w->nslots; i++) pthread_join(w->slots[i].thread, NULL);
	end_watcher(w);
	sp_metrics_unwatch(&w->metrics);
	sp_metric_hide(SP_M_SLOTS);
	free_worker(w);
}
