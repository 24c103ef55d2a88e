/* SPDX-License-Identifier: MIT */
/*
 * /healthz says that the process answers, and nothing else: a database that is away must not make an orchestrator kill every process. /readyz says whether requests should be
 * sent here. Both answer any peer, also in open mode: they tell nothing that the open port does not.
 * Neither may block: their routes are urgent, so that they are answered while every work thread waits for the store.
 */
#include "api/internal.h"
#include "base/clock.h"

#define STORE_FRESH_NS (10 * SP_NS_PER_S)

void sp_api_healthz(struct sp_http_request *r, void *api) { sp_api_reply_json(r, 200, json_pack("{s:s}", "status", "ok")); }

static const char *not_ready(struct sp_api *a)
{
	pthread_rwlock_rdlock(&a->parts_lock);
	const char *why = a->frozen ? "draining" : a->parts.not_ready(a->parts.cls);
	pthread_rwlock_unlock(&a->parts_lock);
	return why;
}

bool sp_api_store_is_up(struct sp_api *a)
{
	int64_t seen = sp_waiters_store_seen_ns(a->waiters);
	return seen && sp_mono_ns() - seen <= STORE_FRESH_NS;
}

void sp_api_readyz(struct sp_http_request *r, void *api)
{
	struct sp_api *a = api;

	if (atomic_load(&a->stopping) || atomic_load(&a->drain_began_ns)) {
		sp_api_reply_problem(r, 503, "draining", "not ready: the service is ending");
		return;
	}
	if (!sp_api_store_is_up(a)) {
		sp_api_reply_problem(r, 503, "store_unavailable",
		        sp_waiters_store_seen_ns(a->waiters) ? "not ready: the store has not answered for 10 s"
		                                             : "not ready: the store has not answered yet");
		return;
	}
	const char *why = not_ready(a);
	if (why)
		sp_api_reply_problem(r, 503, "not_ready", "not ready: %s", why);
	else
		sp_api_reply_json(r, 200, json_pack("{s:s}", "status", "ready"));
}
