/* SPDX-License-Identifier: MIT */
/* The HTTP API: one file a resource. Here: what the command that serves it wires together. */
#ifndef SP_API_API_H
#define SP_API_API_H

#include "broker/broker.h"
#include "core/config.h"
#include "core/language.h"
#include "store/store.h"

struct sp_api;

struct sp_api_parts { /* all borrowed, must outlive the API */
	const struct sp_config *config; /* as loaded; what a reload may change is read from the newest (sp_config_hold) */
	const struct sp_languages *languages;
	struct sp_store *store;
	struct sp_broker *broker;
	/* The evaluators' side as this process sees it (serve: the worker; a cluster: the evaluators table). Any thread, must not block. None of these is called once sp_api_drain_begin has returned. */
	void (*language_state)(void *cls, size_t i, struct sp_language_state *out); /* of languages->list[i] */
	const char *(*not_ready)(void *cls); /* NULL = ready */
	/* Evaluations were canceled or erased: evaluators of this process look at once, others when they renew their leases. Must not block. NULL: none is here. */
	void (*claims_changed)(void *cls);
	void *cls;
};

/* Starts to serve on config->http_listen, registers for the broker's replies, starts the sweeper. */
struct sp_api *sp_api_start(const struct sp_api_parts *parts, struct sp_err *err) SP_MUSTCHECK;
int sp_api_port(const struct sp_api *a);
/* /readyz answers 503 from now on; new evaluations are refused (503 draining) once config->drain_delay_ms is over; everything else goes on. */
void sp_api_drain_begin(struct sp_api *a);
/* No new connections from now on; what is open is served on, each answer ends its connection. A port of its own for metrics and probes is not meant: it stays until sp_api_stop. */
void sp_api_stop_listening(struct sp_api *a);
/* Stops listening, lets waiters go on until timeout_ms, answers the rest with 202 and their evaluation as it is, stops and frees. No broker reply may be running or follow. NULL is fine. */
void sp_api_stop(struct sp_api *a, int64_t timeout_ms);

#endif
