/* SPDX-License-Identifier: MIT */
/*
 * Rounds: what waits and no queue knows of, and what has lost its evaluator. The broker's own view decides whether the first is worth a search: if it still holds ids, those who wait are
 * in it. A broker that had to drop ids is filled up again as soon as it has room, without waiting for the next round.
 */
#include "worker/janitor.h"

#include <pthread.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"

#define PAGE 500
/* Bounds what one round of expired leases does, service-rules.md section 2. */
#define EXPIRED_MAX 1000
/* How often the broker is asked whether it dropped something; it costs a lock. */
#define LOOK_MS 250
/* So few ids keep every slot busy until the next look. */
#define LOW_WATER 64

struct sp_janitor {
	const struct sp_config *cfg;
	struct sp_store *store;
	struct sp_broker *broker;
	pthread_t thread;
	bool overflowed; /* janitor thread: the broker has dropped ids since it was last filled up */
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

static size_t depth(struct sp_janitor *j)
{
	size_t d[SP_CLASSES] = {0};
	bool over = false;

	sp_broker_depth(j->broker, d, &over);
	j->overflowed = j->overflowed || over;
	return d[SP_CLASS_INTERACTIVE] + d[SP_CLASS_BULK];
}

static int publish(struct sp_janitor *j, const struct sp_scan_item *it, struct sp_err *err)
{
	/* Whether somebody waits for a reply is not stored: a reply to nobody costs nothing. */
	return sp_broker_publish(j->broker, &it->id, it->class_, true, err);
}

/* Publishes page by page until all is out, the broker is full, or max is reached. How many, or -1. */
static int64_t sweep(struct sp_janitor *j, enum sp_scan what, int64_t max, struct sp_err *err)
{
	struct sp_scan_item items[PAGE];
	struct sp_id after;
	int64_t total = 0;

	while (total < max && !stopped(j)) {
		int n = sp_store_scan(j->store, what, total ? &after : NULL, items, PAGE, err);
		if (n < 0) return -1;
		for (int i = 0; i < n; i++)
			if (publish(j, &items[i], err)) return -1;
		total += n;
		if (n < PAGE) break;
		after = items[n - 1].id;
		(void)depth(j);
		if (j->overflowed) break;
	}
	return total;
}

static int do_round(struct sp_janitor *j, bool waiting, struct sp_err *err)
{
	int64_t n = sweep(j, SP_SCAN_EXPIRED, EXPIRED_MAX, err);

	if (n < 0) return -1;
	sp_metric_add(SP_M_REPUBLISHED, (uint64_t)n, SP_METRIC_LABELS("lease_over"));
	if (n) sp_log_info("janitor", "published again", SP_S("why", "lease over"), SP_I("evaluations", n));
	if (!waiting) return 0;
	/* Set anew if it overflows again. */
	j->overflowed = false;
	n = sweep(j, SP_SCAN_WAITING, INT64_MAX, err);
	if (n < 0) {
		j->overflowed = true;
		return -1;
	}
	sp_metric_add(SP_M_REPUBLISHED, (uint64_t)n, SP_METRIC_LABELS("waiting"));
	if (n) sp_log_debug("janitor", "published again", SP_S("why", "waiting"), SP_I("evaluations", n));
	return 0;
}

static void *janitor_main(void *cls)
{
	struct sp_janitor *j = cls;
	int64_t period = j->cfg->janitor_ms * SP_NS_PER_MS, next = sp_mono_ns() + period;
	int64_t look = (LOOK_MS < j->cfg->janitor_ms ? LOOK_MS : j->cfg->janitor_ms) * SP_NS_PER_MS;

	for (;;) {
		pthread_mutex_lock(&j->lock);
		int64_t until = sp_mono_ns() + look;
		while (!j->stop && sp_cond_wait_until(&j->wake, &j->lock, until) == 0) continue;
		bool stop = j->stop;
		pthread_mutex_unlock(&j->lock);
		if (stop) return NULL;

		size_t d = depth(j);
		bool refill = j->overflowed && d <= LOW_WATER, due = sp_mono_ns() >= next;
		if (!refill && !due) continue;
		struct sp_err err = {0};
		if (do_round(j, refill || d == 0, &err)) sp_log_warn("janitor", "round not finished", SP_ERR(&err));
		next = sp_mono_ns() + period;
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
	(void)depth(j);
	if (do_round(j, true, err)) {
		sp_wrap(err, "janitor");
		free_janitor(j);
		return NULL;
	}
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
	free_janitor(j);
}
