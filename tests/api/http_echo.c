/* SPDX-License-Identifier: MIT */
/*
 * A server that is nothing but the façade of src/http, for tests/api/test_http_facade.py. Options are key=value arguments; the first line on stdout is the port; then each line on stdin is
 * a command and gets one line on stdout:
 *   release      answer all held requests with 200                        → how many
 *   quiesce                                                              → "ok"
 *   stop MS      sp_http_stop(MS)                                        → "ok"; the program goes on
 *   late         answer held requests after stop                          → how many
 *   stats        JSON: held, gone, done by status
 * It ends at the end of stdin.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "http/server.h"

#define HELD_MAX 20000

static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static struct sp_http_request *held[HELD_MAX];
static size_t nheld, ngone;
static long done_by_status[600];

static void reply_text(struct sp_http_request *r, int status, const char *text)
{
	sp_http_reply(r, status, "text/plain", sp_strdup(text), strlen(text));
}

static void pause_ms(const struct sp_http_request *r)
{
	const char *ms = sp_http_query(r, "ms");
	long n = ms ? strtol(ms, NULL, 10) : 5;
	nanosleep(&(struct timespec){.tv_sec = n / 1000, .tv_nsec = n % 1000 * 1000000}, NULL);
}

static void on_echo(struct sp_http_request *r, void *cls)
{
	size_t n;
	const char *p = sp_http_body(r, &n);
	if (cls) pause_ms(r);
	sp_http_add_header(r, "X-Dirty", "a\r\nInjected: 1");
	sp_http_add_header(r, "X-Clean", "yes");
	sp_http_reply(r, 200, "application/octet-stream", sp_memdup0(p, n), n);
}

static bool print_query(void *cls, const char *name, const char *value)
{
	sp_buf_printf(cls, "%s=%s;", name, value);
	return true;
}

static void on_item(struct sp_http_request *r, void *cls)
{
	struct sp_buf b;
	sp_buf_init(&b, 65536);
	sp_buf_printf(&b, "%s [%s] ", sp_http_method(r), sp_http_param(r, "id"));
	sp_http_each_query(r, print_query, &b);
	const char *h = sp_http_header(r, "x-test");
	sp_buf_printf(&b, " x-test=%s", h ? h : "(none)");
	size_t n;
	char *text = sp_buf_steal(&b, &n);
	sp_http_reply(r, 200, "text/plain", text, n);
}

static void on_gone(struct sp_http_request *r, void *cls)
{
	pthread_mutex_lock(&mu);
	ngone++;
	pthread_mutex_unlock(&mu);
	if (!cls) return;
	/* Replying from within on_gone is allowed. */
	pthread_mutex_lock(&mu);
	size_t i = 0;
	while (i < nheld && held[i] != r) i++;
	if (i < nheld)
		held[i] = held[--nheld];
	else
		r = NULL;
	pthread_mutex_unlock(&mu);
	if (r) reply_text(r, 200, "nobody there");
}

static void on_hold(struct sp_http_request *r, void *cls)
{
	bool reply_when_gone = sp_http_query(r, "reply") != NULL;
	/* Under the lock that on_gone takes: it may run before hold returns, and must find the request in the list. */
	pthread_mutex_lock(&mu);
	sp_http_hold(r, false, on_gone, reply_when_gone ? &mu : NULL);
	if (nheld == HELD_MAX) abort();
	held[nheld++] = r;
	pthread_mutex_unlock(&mu);
}

static const char page[] = "<!doctype html><title>static</title>\n";
static void on_page(struct sp_http_request *r, void *cls) { sp_http_reply_static(r, 200, "text/html", page, sizeof(page) - 1); }
static void on_empty(struct sp_http_request *r, void *cls) { sp_http_reply(r, 204, NULL, NULL, 0); }

static void on_fault(struct sp_http_request *r, enum sp_http_fault fault, int64_t limit, const char *text, void *cls)
{
	static const struct {
		int status;
		const char *name;
	} faults[] = {
	        [SP_HTTP_BAD_REQUEST] = {400, "bad_request"},
	        [SP_HTTP_NOT_FOUND] = {404, "not_found"},
	        [SP_HTTP_METHOD] = {405, "method"},
	        [SP_HTTP_TIMEOUT] = {408, "timeout"},
	        [SP_HTTP_TOO_LARGE] = {413, "too_large"},
	        [SP_HTTP_HEADERS_TOO_LARGE] = {431, "headers_too_large"},
	        [SP_HTTP_OVERLOADED] = {503, "overloaded"},
	};
	char *body =
	        sp_asprintf("{\"fault\":\"%s\",\"limit\":%lld,\"text\":\"%s\"}\n", faults[fault].name, (long long)limit, text ? text : "");
	if (fault == SP_HTTP_METHOD) sp_http_add_header(r, "Allow", text);
	sp_http_reply(r, faults[fault].status, "application/json", body, strlen(body));
}

static bool gate(struct sp_http_request *r, void *cls)
{
	if (!sp_http_header(r, "X-Deny")) return true;
	reply_text(r, 403, sp_http_route_of(r) ? "denied" : "denied, no route");
	return false;
}

static void done(struct sp_http_request *r, int status, int64_t duration_ns, void *cls)
{
	pthread_mutex_lock(&mu);
	done_by_status[status]++;
	pthread_mutex_unlock(&mu);
}

static size_t release(void)
{
	size_t n = 0;
	for (;;) {
		pthread_mutex_lock(&mu);
		struct sp_http_request *r = nheld ? held[--nheld] : NULL;
		pthread_mutex_unlock(&mu);
		if (!r) return n;
		reply_text(r, 200, "released");
		n++;
	}
}

static void stats(void)
{
	pthread_mutex_lock(&mu);
	printf("{\"held\":%zu,\"gone\":%zu,\"done\":{", nheld, ngone);
	const char *sep = "";
	for (int i = 0; i < 600; i++) {
		if (!done_by_status[i]) continue;
		printf("%s\"%d\":%ld", sep, i, done_by_status[i]);
		sep = ",";
	}
	puts("}}");
	pthread_mutex_unlock(&mu);
}

static long number(int argc, char **argv, const char *key, long dflt)
{
	size_t n = strlen(key);
	for (int i = 1; i < argc; i++) {
		if (!strncmp(argv[i], key, n) && argv[i][n] == '=') return strtol(argv[i] + n + 1, NULL, 10);
	}
	return dflt;
}

int main(int argc, char **argv)
{
	const struct sp_http_route routes[] = {
	        {"GET", "/", 0, on_page, NULL},
	        {"GET", "/empty", 0, on_empty, NULL},
	        {"POST", "/echo", 8 << 20, on_echo, NULL},
	        {"POST", "/small", 16, on_echo, NULL},
	        {"POST", "/delay", 1 << 20, on_echo, &mu},
	        {"GET", "/items/{id}", 0, on_item, NULL},
	        {"POST", "/hold", 1 << 20, on_hold, NULL},
	};
	const char *listen = "127.0.0.1:0";
	for (int i = 1; i < argc; i++) {
		if (!strncmp(argv[i], "listen=", 7)) listen = argv[i] + 7;
	}
	struct sp_http_options opt = {
	        .listen = listen,
	        .routes = routes,
	        .nroutes = SP_COUNT(routes),
	        .loop_threads = (int)number(argc, argv, "loops", 2),
	        .work_threads = (int)number(argc, argv, "works", 4),
	        .connections_max = (size_t)number(argc, argv, "connections", 10000),
	        .connections_per_peer_max = (size_t)number(argc, argv, "per_peer", 0),
	        .work_queue_max = (size_t)number(argc, argv, "queue", 10000),
	        .request_deadline_ms = number(argc, argv, "deadline", 20000),
	        .memory_max = (size_t)number(argc, argv, "memory", 0),
	        .answer_deadline_ms = number(argc, argv, "answer_deadline", 60000),
	        .idle_ms = number(argc, argv, "idle", 20000),
	        .fault = on_fault,
	        .gate = gate,
	        .done = done,
	};
	sp_log_setup(SP_LOG_WARN, true);
	struct sp_err err = {0};
	struct sp_http_server *s = sp_http_start(&opt, &err);
	if (!s) {
		printf("error %s: %s\n", sp_code_name(err.code), err.msg);
		return 1;
	}
	printf("%d\n", sp_http_port(s));
	fflush(stdout);

	char line[128];
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		if (!strcmp(line, "release") || !strcmp(line, "late")) {
			printf("%zu\n", release());
		} else if (!strcmp(line, "stats")) {
			stats();
		} else if (!strcmp(line, "quiesce")) {
			sp_http_quiesce(s);
			puts("ok");
		} else if (!strncmp(line, "stop ", 5)) {
			sp_http_stop(s, strtol(line + 5, NULL, 10));
			s = NULL;
			puts("ok");
		} else {
			puts("unknown command");
		}
		fflush(stdout);
	}
	release();
	sp_http_stop(s, 2000);
	return 0;
}
