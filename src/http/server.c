/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Threads: the library's loop threads (sockets, parsing), the work threads (handlers), one more for routes that are urgent, the watcher (watch.c). A request goes through phases:
 *
 *   READING    The loop thread has it: first line (on_uri), header (guards, route, gate), body. A fault is rendered here by the options' callback.
 *   OWNED      The connection is suspended and a work thread has the request; then whoever holds it. Only the owner may touch it.
 *   ANSWERED   sp_http_reply has stored the answer and resumed the connection; the loop thread sends it.
 *   ABANDONED  The server stopped first. The owner's reply is thrown away; the request lives until then.
 *
 * A request has two references, the library's (until its connection is through with it) and, while OWNED, the owner's; it holds one on the server. So an owner who is late
 * finds everything that he may touch. Suspending, resuming and the phases are under one lock, s->mu: a connection is resumed exactly once, and never before it is suspended.
 *
 * What the library (0.9.75) does not do and we do: deadlines for a whole request, telling who left while suspended, 503 for connections over the bound (it would leave them
 * waiting), lingering after a refused upload, framing checks (guards.c). What stays the library's: answers to what it cannot parse at all (its own short page with
 * status 400, 413, 431 or 505, connection closed), and its inactivity timeout, which here only ends clients that read nothing of their answer (watch.c ends those that read too slowly).
 *
 * Stopping: no new connections; answers end theirs; wait for all requests; end the work threads; abandon what is left; stop the library, which must find nothing suspended.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "http/internal.h"

static void on_log(void *cls, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
static void on_log(void *cls, const char *fmt, va_list ap)
{
	if (!sp_log_on(SP_LOG_DEBUG)) return;
	char text[512];
	vsnprintf(text, sizeof(text), fmt, ap);
	text[strcspn(text, "\n")] = '\0';
	sp_log_debug("http", "library", SP_S("error", text));
}

/* Targets are decoded by us, once. */
static size_t keep_escapes(void *cls, struct MHD_Connection *mc, char *s) { return strlen(s); }

void sp_http_server_unref(struct sp_http_server *s)
{
	if (atomic_fetch_sub(&s->refs, 1) > 1) return;
	sp_http_peers_fini(s);
	pthread_cond_destroy(&s->cv);
	pthread_mutex_destroy(&s->mu);
	free(s->listen);
	free(s);
}

/* Every connection needs a descriptor, and the rest of the program some; a bound that cannot be kept is lowered aloud. */
static void fit_descriptors(struct sp_http_server *s)
{
	const size_t others = 256 + SP_HTTP_RESERVE + SP_HTTP_LINGER_MAX;
	size_t want = s->opt.connections_max + others;
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) < 0 || lim.rlim_cur >= want) return;
	struct rlimit more = {.rlim_cur = lim.rlim_max < want ? lim.rlim_max : want, .rlim_max = lim.rlim_max};
	if (setrlimit(RLIMIT_NOFILE, &more) == 0) lim = more;
	if (lim.rlim_cur >= want) return;
	size_t fits = lim.rlim_cur > 2 * others ? lim.rlim_cur - others : lim.rlim_cur / 2;
	sp_log_warn("http", "the limit of open files allows fewer connections than configured", SP_I("configured", s->opt.connections_max),
	        SP_I("possible", fits), SP_I("open_files", lim.rlim_cur));
	s->opt.connections_max = fits;
}

static int start_library(struct sp_http_server *s, int fd, struct sp_err *err)
{
	int64_t slow_ms = s->opt.idle_ms > s->opt.request_deadline_ms ? s->opt.idle_ms : s->opt.request_deadline_ms;
	struct MHD_OptionItem pool[] = {
	        {MHD_OPTION_THREAD_POOL_SIZE, s->opt.loop_threads, NULL},
	        {MHD_OPTION_END, 0, NULL},
	};
	s->library_timeout_s = (unsigned)(slow_ms / 1000 + 2);
	/* The library takes one thread for a mistake when it is asked for as a pool. */
	if (s->opt.loop_threads < 2) pool[0] = pool[1];
	sigset_t all, old;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	s->daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL,
	        sp_http_on_request, s, MHD_OPTION_EXTERNAL_LOGGER, on_log, s, MHD_OPTION_ARRAY, pool, MHD_OPTION_LISTEN_SOCKET, fd,
	        MHD_OPTION_CONNECTION_LIMIT, (unsigned)(s->opt.connections_max + SP_HTTP_RESERVE), MHD_OPTION_CONNECTION_MEMORY_LIMIT,
	        (size_t)SP_HTTP_POOL_BYTES, MHD_OPTION_CONNECTION_TIMEOUT, s->library_timeout_s, MHD_OPTION_STRICT_FOR_CLIENT, 0,
	        MHD_OPTION_URI_LOG_CALLBACK, sp_http_on_uri, s, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, s, MHD_OPTION_NOTIFY_CONNECTION,
	        sp_http_on_connection, s, MHD_OPTION_NOTIFY_COMPLETED, sp_http_on_completed, s, MHD_OPTION_END);
	int e = errno;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return s->daemon ? 0 : sp_fail(err, SP_E_IO, e, "start the HTTP library");
}

static void end_work(struct sp_http_server *s)
{
	sp_workpool_stop(s->pool, true);
	sp_workpool_stop(s->urgent, true);
}

static void free_work(struct sp_http_server *s)
{
	sp_workpool_free(s->pool);
	sp_workpool_free(s->urgent);
	s->pool = s->urgent = NULL;
}

struct sp_http_server *sp_http_start(const struct sp_http_options *opt, struct sp_err *err)
{
	SP_BUG_ON(!opt->listen || !opt->fault || opt->work_threads < 1 || !opt->work_queue_max || !opt->connections_max ||
	          opt->request_deadline_ms < 1 || opt->answer_deadline_ms < 1 || opt->idle_ms < 1);
	struct sp_http_server *s = sp_new(struct sp_http_server);
	s->opt = *opt;
	s->opt.listen = s->listen = sp_strdup(opt->listen);
	atomic_init(&s->refs, 1);
	atomic_init(&s->memory, 0);
	pthread_mutex_init(&s->mu, NULL);
	sp_cond_init(&s->cv);
	s->epfd = s->wakefd = -1;
	s->check_layout = sp_http_layout_needed(MHD_get_version());
	sp_http_peers_init(s);
	fit_descriptors(s);

	int fd = sp_http_listen(s->listen, &s->port, err);
	if (fd < 0) goto fail;
	if (sp_http_watch_start(s, err) < 0) goto fail;
	if (!(s->pool = sp_workpool_start("http-work", s->opt.work_threads, s->opt.work_queue_max, err))) goto fail;
	if (!(s->urgent = sp_workpool_start("http-urgent", 1, s->opt.work_queue_max, err))) goto fail;
	if (start_library(s, fd, err) < 0) goto fail;
	return s;
fail:
	end_work(s);
	free_work(s);
	sp_http_watch_stop(s);
	if (fd >= 0) close(fd);
	sp_http_server_unref(s);
	return NULL;
}

int sp_http_port(const struct sp_http_server *s) { return s->port; }

void sp_http_quiesce(struct sp_http_server *s)
{
	pthread_mutex_lock(&s->mu);
	bool first = !s->quiesced;
	s->quiesced = true;
	pthread_mutex_unlock(&s->mu);
	if (!first) return;
	int fd = MHD_quiesce_daemon(s->daemon);
	if (fd >= 0) close(fd);
}

/* Takes what nobody has answered away from its owners, and lets the library have its connections back. Under s->mu, given up in between. */
static void abandon_all(struct sp_http_server *s)
{
	for (struct sp_http_request *r; (r = s->live);) {
		sp_http_watch_remove(s, r);
		if (s->live != r) continue; /* answered while we waited for its on_gone */
		r->phase = SP_HTTP_ABANDONED;
		s->live = r->live_next;
		if (s->live) s->live->live_at = &s->live;
		MHD_resume_connection(r->mc);
		/* Nobody owns what was still in the queue of the work threads. The library's reference keeps it. */
		if (!r->started) atomic_fetch_sub(&r->refs, 1);
	}
}

void sp_http_stop(struct sp_http_server *s, int64_t timeout_ms)
{
	if (!s) return;
	sp_http_quiesce(s);
	int64_t until = sp_mono_ns() + timeout_ms * SP_NS_PER_MS;
	pthread_mutex_lock(&s->mu);
	while (s->active && sp_cond_wait_until(&s->cv, &s->mu, until) == 0) continue;
	if (s->active) sp_log_warn("http", "stopped with requests unanswered", SP_I("requests", s->active));
	s->stopping = true;
	pthread_mutex_unlock(&s->mu);

	end_work(s);
	pthread_mutex_lock(&s->mu);
	abandon_all(s);
	pthread_mutex_unlock(&s->mu);
	MHD_stop_daemon(s->daemon);
	/* Until here a loop thread could be about to push, and be refused. */
	free_work(s);
	sp_http_watch_stop(s);
	sp_http_server_unref(s);
}
