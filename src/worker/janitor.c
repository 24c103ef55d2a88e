/* SPDX-License-Identifier: MIT */
/*
 * Rounds: what waits and no queue knows of, and what has lost its evaluator. The broker's own view decides whether the first is worth a search: if it still holds ids, those who wait are
 * in it. A broker that had to drop ids is filled up again as soon as it has room, each class by itself, without waiting for the next round: neither class may hold up the other.
 *
 * What a key may not run yet is in no queue either; a worker that ends one of that key publishes the next, and a round makes up for those that did not come to it.
 *
 * Retention has its own, slower pace, in bounded parts between the rounds.
 */
#include "worker/janitor.h"

#include <pthread.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "store/history.h"
#include "worker/figures.h"

#define PAGE 500
/* Bounds what one round of expired leases, of waiting keys, and of retention does, service-rules.md section 2. */
#define ROUND_MAX 1000
/* How often retention looks for more at least; ages that are shorter than some of that make it look oftener. */
#define EXPIRE_MS 60000
/* How old the figures of the whole store may be. */
#define FIGURES_MS 5000
/* How often the broker is asked whether it dropped something; it costs a lock. */
#define LOOK_MS 250
/* So few ids keep every slot busy until the next look. */
#define LOW_WATER 64

struct sp_janitor {
	const struct sp_config *cfg;
	struct sp_store *store;
	struct sp_broker *broker;
	pthread_t thread;
	bool behind[SP_CLASSES]; /* janitor thread: the broker may have dropped ids of this class since it was last filled up */
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool stop; /* under the lock */
};

static bool stopped(struct sp_janitor *j)
{
	pthread_mutex_lock(&j->lock);
	bool s = j->stop;
	pthread_mutex_unlock(&j->lock);
	return s;
}

/* Whether the broker has dropped ids since the last look. */
static bool look(struct sp_janitor *j, size_t depth[SP_CLASSES])
{
	bool over = false;

	sp_broker_depth(j->broker, depth, &over);
	/* It does not say of which class. */
	for (int c = 0; c < SP_CLASSES; c++) j->behind[c] = j->behind[c] || over;
	return over;
}

static int publish(struct sp_janitor *j, const struct sp_scan_item *it, struct sp_err *err)
{
	/* Whether somebody waits for a reply is not stored: a reply to nobody costs nothing. */
	return sp_broker_publish(j->broker, &it->id, it->class_, true, err);
}

/* Publishes page by page until all is out, the broker is full (*full), or max is reached. How many, or -1. */
static int64_t sweep(struct sp_janitor *j, struct sp_scan_request in, int64_t max, bool *full, struct sp_err *err)
{
	struct sp_scan_item items[PAGE];
	size_t depth[SP_CLASSES];
	struct sp_id after;
	int64_t total = 0;

	*full = false;
	while (total < max && !stopped(j)) {
		int n = sp_store_scan(j->store, &in, items, PAGE, err);
		if (n < 0) return -1;
		for (int i = 0; i < n; i++)
			if (publish(j, &items[i], err)) return -1;
		total += n;
		if ((*full = look(j, depth)) || n < PAGE || in.what == SP_SCAN_KEYS) break;
		after = items[n - 1].id;
		in.after = &after;
	}
	return total;
}

static int fill(struct sp_janitor *j, enum sp_class class_, struct sp_err *err)
{
	bool full;
	int64_t n = sweep(j, (struct sp_scan_request){.what = SP_SCAN_WAITING, .class_ = class_}, INT64_MAX, &full, err);

	j->behind[class_] = n < 0 || full;
	if (n < 0) return -1;
	sp_metric_add(SP_M_REPUBLISHED, (uint64_t)n, SP_METRIC_LABELS("waiting"));
	if (n) sp_log_debug("janitor", "published again", SP_S("why", "waiting"), SP_I("class", class_), SP_I("evaluations", n));
	return 0;
}

/* Interactive first: nobody who waits for an answer waits for a scan of what nobody waits for. */
static int fill_where(struct sp_janitor *j, const bool which[SP_CLASSES], struct sp_err *err)
{
	for (int c = 0; c < SP_CLASSES; c++)
		if (which[c] && fill(j, (enum sp_class)c, err)) return -1;
	return 0;
}

static int do_round(struct sp_janitor *j, struct sp_err *err)
{
	bool full;
	int64_t n = sweep(j, (struct sp_scan_request){.what = SP_SCAN_EXPIRED}, ROUND_MAX, &full, err);

	if (n < 0) return -1;
	sp_metric_add(SP_M_REPUBLISHED, (uint64_t)n, SP_METRIC_LABELS("lease_over"));
	if (n) sp_log_info("janitor", "published again", SP_S("why", "lease over"), SP_I("evaluations", n));
	/* Most of these are queued already, and not a second time. */
	return sweep(j, (struct sp_scan_request){.what = SP_SCAN_KEYS}, ROUND_MAX, &full, err) < 0 ? -1 : 0;
}

/* A part of what is due; when it looks for more, in ms. */
static int64_t expire(struct sp_janitor *j)
{
	sp_autoconfig const struct sp_config *now = sp_config_hold(j->cfg);
	struct sp_retention r = {.rows_ms = now->retention_rows_ms,
	        .data_ms = now->retention_data_ms,
	        .idempotency_ms = now->idempotency_keep_ms,
	        .max = ROUND_MAX};
	struct sp_expired done;
	struct sp_err err = {0};
	int64_t ages[] = {r.rows_ms / 4, r.data_ms / 4, r.idempotency_ms / 4}, pause = EXPIRE_MS;

	if (sp_store_expire(j->store, &r, &done, &err)) {
		sp_log_warn("janitor", "retention not finished", SP_ERR(&err));
		return pause;
	}
	if (done.rows || done.data || done.keys || done.leftovers)
		sp_log_info("janitor", "forgotten", SP_I("evaluations", done.rows + done.leftovers), SP_I("data", done.data),
		        SP_I("keys", done.keys));
	if (done.more) return LOOK_MS;
	for (size_t i = 0; i < SP_COUNT(ages); i++)
		if (ages[i] < pause) pause = ages[i];
	return pause;
}

static void *janitor_main(void *cls)
{
	struct sp_janitor *j = cls;
	int64_t period = j->cfg->janitor_ms * SP_NS_PER_MS, next = sp_mono_ns() + period, next_expire = next,
	        next_figures = sp_mono_ns() + FIGURES_MS * SP_NS_PER_MS;
	int64_t pause = (LOOK_MS < j->cfg->janitor_ms ? LOOK_MS : j->cfg->janitor_ms) * SP_NS_PER_MS;

	for (;;) {
		pthread_mutex_lock(&j->lock);
		int64_t until = sp_mono_ns() + pause;
		while (!j->stop && sp_cond_wait_until(&j->wake, &j->lock, until) == 0) continue;
		bool stop = j->stop;
		pthread_mutex_unlock(&j->lock);
		if (stop) return NULL;

		struct sp_err err = {0};
		size_t depth[SP_CLASSES];
		bool due = sp_mono_ns() >= next, where[SP_CLASSES];
		(void)look(j, depth);
		bool empty = depth[SP_CLASS_INTERACTIVE] + depth[SP_CLASS_BULK] == 0;
		for (int c = 0; c < SP_CLASSES; c++) where[c] = (due && empty) || (j->behind[c] && depth[c] <= LOW_WATER);
		if ((due && do_round(j, &err)) || fill_where(j, where, &err)) sp_log_warn("janitor", "round not finished", SP_ERR(&err));
		if (due) next = sp_mono_ns() + period;
		if (sp_mono_ns() >= next_figures) {
			sp_figures_update(j->store);
			next_figures = sp_mono_ns() + FIGURES_MS * SP_NS_PER_MS;
		}
		if (sp_mono_ns() >= next_expire) next_expire = sp_mono_ns() + expire(j) * SP_NS_PER_MS;
	}
}

static void free_janitor(struct sp_janitor *j)
{
	pthread_cond_destroy(&j->wake);
	pthread_mutex_destroy(&j->lock);
	free(j);
}

struct sp_janitor *sp_janitor_start(const struct sp_config *cfg, struct sp_store *store, struct sp_broker *broker, struct sp_err *err)
{
	struct sp_janitor *j = sp_new(struct sp_janitor);

	*j = (struct sp_janitor){.cfg = cfg, .store = store, .broker = broker};
	pthread_mutex_init(&j->lock, NULL);
	sp_cond_init(&j->wake);
	size_t depth[SP_CLASSES];
	(void)look(j, depth);
	if (do_round(j, err) || fill_where(j, (const bool[SP_CLASSES]){true, true}, err)) {
		sp_wrap(err, "janitor");
		free_janitor(j);
		return NULL;
	}
	sp_figures_update(store);
	int rc = pthread_create(&j->thread, NULL, janitor_main, j);
	if (rc) {
		sp_fail(err, SP_E_INTERNAL, rc, "start the janitor");
		free_janitor(j);
		return NULL;
	}
	pthread_setname_np(j->thread, "janitor");
	return j;
}

void sp_janitor_stop(struct sp_janitor *j)
{
	if (!j) return;
	pthread_mutex_lock(&j->lock);
	j->stop = true;
	pthread_cond_signal(&j->wake);
	pthread_mutex_unlock(&j->lock);
	pthread_join(j->thread, NULL);
	sp_figures_hide();
	free_janitor(j);
}
