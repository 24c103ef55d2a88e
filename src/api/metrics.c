/* SPDX-License-Identifier: MIT */
/*
 * GET /metrics, on the API's port under the API's rules, or with http.metrics_listen on a port of its own, where nobody is asked who he is: scrapers have no key, and who reaches that address is the operator's to decide.
 * The probes are there, too, so that an orchestrator needs to reach no other.
 */
#include <stdlib.h>
#include <string.h>

#include "api/internal.h"
#include "base/log.h"
#include "base/metrics.h"

/* Far above what all labels together can make. */
#define PAGE_MAX ((size_t)16 << 20)
#define CONNECTIONS_MAX 64
#define DEADLINE_MS (10 * 1000)
#define IDLE_MS (75 * 1000)
#define STOP_MS 1000 /* for a page that is on its way */

/* What people and programs call requests; the rest is one word, since anybody may send any. */
static const char *method_label(const char *method)
{
	static const char *const known[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"};

	for (size_t i = 0; i < SP_COUNT(known); i++)
		if (!strcmp(known[i], method)) return known[i];
	return "other";
}

void sp_api_count_request(const struct sp_http_request *r, int status, int64_t duration_ns)
{
	const struct sp_http_route *route = sp_http_route_of(r);
	const char *path = route ? route->path : "none";
	char code[16] = "none"; /* the client left before the answer */

	if (status) snprintf(code, sizeof(code), "%d", status);
	sp_metric_count(SP_M_HTTP_REQUESTS, path, method_label(sp_http_method(r)), code);
	sp_metric_time(SP_M_HTTP_DURATION, duration_ns, path);
}

static void look(void *cls)
{
	struct sp_api *a = cls;

	sp_metric_gauge(SP_M_HTTP_WAITERS, (double)sp_waiters_count(a->waiters));
	sp_metric_gauge(SP_M_STORE_UP, sp_api_store_is_up(a));
}

void sp_api_get_metrics(struct sp_http_request *r, void *api)
{
	static const char *const known[] = {NULL};
	struct sp_buf b;
	size_t n;

	/* On the listener of its own nobody is asked. */
	const struct sp_http_route *route = sp_http_route_of(r);
	struct sp_api *a = api;
	bool own = route >= a->metrics_routes && route < a->metrics_routes + SP_COUNT(a->metrics_routes);
	if (!own && !sp_api_operator(a, r)) return;
	if (!sp_api_check_query(r, known)) return;
	sp_buf_init(&b, PAGE_MAX);
	if (sp_metrics_write(&b) < 0) {
		sp_buf_fini(&b);
		sp_api_reply_problem(r, 503, "overloaded", "there is no memory for the page");
		return;
	}
	char *text = sp_buf_steal(&b, &n);
	struct sp_http_text *t = sp_http_text_new(text, n);
	sp_api_reply_text(r, 200, SP_METRICS_CONTENT_TYPE, t);
	sp_http_text_unref(t);
}

int sp_api_metrics_start(struct sp_api *a, struct sp_err *err)
{
	const struct sp_config *c = a->parts.config;

	sp_metric_gauge(SP_M_BUILD_INFO, 1, SERAPIS_VERSION);
	a->metrics_watch = (struct sp_metrics_watch){.fn = look, .cls = a};
	sp_metrics_watch(&a->metrics_watch);
	if (!*c->http_metrics_listen) return 0;

	const struct sp_http_route own[] = {
	        {"GET", "/metrics", 0, sp_api_get_metrics, a},
	        {"GET", "/healthz", 0, sp_api_healthz, a, .urgent = true},
	        {"GET", "/readyz", 0, sp_api_readyz, a, .urgent = true},
	};
	_Static_assert(sizeof(own) == sizeof(a->metrics_routes), "struct sp_api has room for them");
	memcpy(a->metrics_routes, own, sizeof(own));
	struct sp_http_options opt = {
	        .listen = c->http_metrics_listen,
	        .routes = a->metrics_routes,
	        .nroutes = SP_COUNT(a->metrics_routes),
	        .loop_threads = 1,
	        .work_threads = 1,
	        .connections_max = CONNECTIONS_MAX,
	        .work_queue_max = CONNECTIONS_MAX,
	        .request_deadline_ms = DEADLINE_MS,
	        .answer_deadline_ms = DEADLINE_MS,
	        .idle_ms = IDLE_MS,
	        .fault = sp_api_fault,
	        .done = sp_api_done,
	        .cls = a,
	};
	if (!(a->metrics_server = sp_http_start(&opt, err))) return sp_wrap(err, "http.metrics_listen");
	sp_log_info("http", "metrics", SP_S("listen", c->http_metrics_listen), SP_I("port", sp_http_port(a->metrics_server)));
	return 0;
}

void sp_api_metrics_stop(struct sp_api *a)
{
	sp_metrics_unwatch(&a->metrics_watch);
	sp_http_stop(a->metrics_server, STOP_MS);
	a->metrics_server = NULL;
}
