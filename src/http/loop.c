/* SPDX-License-Identifier: MIT */
/* What libmicrohttpd calls on its loop threads. Nothing here blocks. */
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "http/internal.h"

#define FIELDS_MAX 256

static void conn_started(struct sp_http_server *s, struct MHD_Connection *mc, void **ctx)
{
	struct sp_http_conn *c = sp_new(struct sp_http_conn);
	size_t of_peer;

	c->fd = MHD_get_connection_info(mc, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
	const struct sockaddr *addr = MHD_get_connection_info(mc, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;
	if (addr) memcpy(&c->addr, addr, addr->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in));
	*ctx = c;

	pthread_mutex_lock(&s->mu);
	s->nconns++;
	c->peer = sp_http_peer_add(s, (const struct sockaddr *)&c->addr, &of_peer);
	if (s->nconns > s->opt.connections_max)
		c->refused = "the server has as many connections as it can have";
	else if (s->opt.connections_per_peer_max && of_peer > s->opt.connections_per_peer_max)
		c->refused = "your address has as many connections as one may have";
	sp_http_conn_list_move(c, &s->reading);
	pthread_mutex_unlock(&s->mu);
}

static void conn_closed(struct sp_http_server *s, struct sp_http_conn *c)
{
	/* The library has not closed the descriptor yet. */
	int fd = c->lingers ? fcntl(c->fd, F_DUPFD_CLOEXEC, 3) : -1;

	pthread_mutex_lock(&s->mu);
	sp_http_conn_list_move(c, NULL);
	sp_http_peer_drop(s, c->peer);
	s->nconns--;
	pthread_mutex_unlock(&s->mu);
	free(c);
	if (fd >= 0) sp_http_linger(s, fd);
}

void sp_http_on_connection(void *cls, struct MHD_Connection *mc, void **ctx, enum MHD_ConnectionNotificationCode what)
{
	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		conn_started(cls, mc, ctx);
	} else if (*ctx) {
		conn_closed(cls, *ctx);
		*ctx = NULL;
	}
}

void *sp_http_on_uri(void *cls, const char *uri, struct MHD_Connection *mc)
{
	struct sp_http_server *s = cls;
	struct sp_http_request *r = sp_http_request_new(s);
	struct sp_http_conn *c = MHD_get_connection_info(mc, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;

	r->mc = mc;
	r->conn = c;
	r->addr = c->addr;
	/* Parsed now: the library will write over it. What is wrong with it is said when the header is complete. */
	r->uri_at = uri;
	r->uri_len = strlen(uri);
	r->target_wrong = sp_http_target_parse(&r->target, uri);
	pthread_mutex_lock(&s->mu);
	c->request = r;
	c->used = true;
	if (!c->timed_out) sp_http_conn_list_move(c, &s->reading);
	s->active++;
	pthread_mutex_unlock(&s->mu);
	return r;
}

void sp_http_on_completed(void *cls, struct MHD_Connection *mc, void **ctx, enum MHD_RequestTerminationCode code)
{
	struct sp_http_server *s = cls;
	struct sp_http_request *r = *ctx;

	if (!r) return;
	*ctx = NULL;
	struct sp_http_conn *c = r->conn;
	pthread_mutex_lock(&s->mu);
	int status = r->sent ? r->status : 0;
	if (!r->sent && c->timed_out)
		status = 408;
	else if (!r->headers_done && code == MHD_REQUEST_TERMINATED_WITH_ERROR)
		status = 400; /* the library has refused it by itself */
	c->request = NULL;
	if (!c->timed_out) sp_http_conn_list_move(c, &s->idle);
	s->active--;
	pthread_cond_broadcast(&s->cv);
	pthread_mutex_unlock(&s->mu);
	if (s->opt.done) s->opt.done(r, status, sp_mono_ns() - r->start_ns, s->opt.cls);
	sp_http_request_unref(r);
}

/*
 * The library reads from a resumed connection before it asks us for the answer, and if its client has closed its side by then, it closes the connection instead. But first of all it looks at those
 * connections that have a timeout of their own, and asks at once: so a connection has one from before it is suspended until it is answered. (0.9.75; the same connection is served, by chance, if it is the oldest one.)
 */
static void set_own_timeout(struct sp_http_request *r, bool own)
{
	if (r->own_timeout == own) return;
	r->own_timeout = own;
	MHD_set_connection_option(r->mc, MHD_CONNECTION_OPTION_TIMEOUT, r->s->library_timeout_s + (own ? 1u : 0u));
}

/* Gives the answer to the library. */
static enum MHD_Result send_answer(struct sp_http_request *r)
{
	struct sp_http_server *s = r->s;
	struct sp_http_conn *c = r->conn;

	set_own_timeout(r, false);
	pthread_mutex_lock(&s->mu);
	bool late = c->timed_out;
	sp_http_conn_list_move(c, late ? NULL : &s->sending);
	/* Keeping a connection is a favour for when there is room: an idle one holds its whole pool of 32 KiB, which the library has written to by then, one that waits
	 * for its answer a third of that. */
	bool crowded = s->nconns > s->opt.connections_max / 8;
	bool ends = s->quiesced || c->refused || r->close_after || crowded;
	pthread_mutex_unlock(&s->mu);
	if (late) return MHD_NO;
	if (ends) MHD_add_response_header(r->response, "Connection", "close");
	enum MHD_Result ok = MHD_queue_response(r->mc, (unsigned)r->status, r->response);
	MHD_destroy_response(r->response);
	r->response = NULL;
	r->sent = ok == MHD_YES;
	return ok;
}

/* Has the fault rendered and decides what becomes of the body that the client may be sending. The answer is sent when the library calls again, or at once if the body is not worth reading. */
static enum MHD_Result refuse(struct sp_http_request *r, enum sp_http_fault fault, int64_t limit, const char *text)
{
	r->s->opt.fault(r, fault, limit, text, r->s->opt.cls);
	SP_BUG_ON(!r->response);
	return MHD_YES;
}

/* After the headers, with an answer there already. */
static enum MHD_Result answer_early(struct sp_http_request *r, bool at_once)
{
	const struct sp_http_framing *f = &r->framing;

	/* With an expectation the library would say 100 and call again as for a body, when it takes no answer any more, if anything is behind the header. */
	if (!at_once && !f->chunked && f->length == 0 && !f->expect_continue) return MHD_YES;
	if (!at_once && !f->chunked && !f->expect_continue && f->length <= SP_HTTP_DISCARD_MAX) {
		r->discard_body = true;
		return MHD_YES;
	}
	r->close_after = true;
	r->conn->lingers = true;
	return send_answer(r);
}

struct collect {
	struct sp_http_field list[FIELDS_MAX];
	size_t n, bytes;
	bool too_many;
};

static enum MHD_Result collect_field(
        void *cls, enum MHD_ValueKind kind, const char *name, size_t name_len, const char *value, size_t value_len)
{
	struct collect *c = cls;
	if (c->n == FIELDS_MAX) {
		c->too_many = true;
		return MHD_NO;
	}
	c->list[c->n++] =
	        (struct sp_http_field){.name = name, .value = value ? value : "", .name_len = name_len, .value_len = value ? value_len : 0};
	c->bytes += name_len + value_len + 2;
	return MHD_YES;
}

/* The library's copy ends with the connection, which the owner of a request may outlive when the server stops. */
static void keep_fields(struct sp_http_request *r, const struct collect *c)
{
	r->fields = sp_calloc(1, c->n * sizeof(r->fields[0]) + c->bytes + 1);
	r->nfields = c->n;
	char *to = (char *)(r->fields + c->n);
	for (size_t i = 0; i < c->n; i++) {
		struct sp_http_field f = c->list[i];
		while (f.value_len && (f.value[f.value_len - 1] == ' ' || f.value[f.value_len - 1] == '\t')) f.value_len--;
		r->fields[i] =
		        (struct sp_http_field){.name = to, .value = to + f.name_len + 1, .name_len = f.name_len, .value_len = f.value_len};
		memcpy(to, f.name, f.name_len);
		memcpy(to + f.name_len + 1, f.value, f.value_len);
		to += f.name_len + f.value_len + 2;
	}
}

/* The sentence for a request that cannot be believed, or NULL. Fills fields and framing. */
static const char *examine(struct sp_http_request *r, const char *method, const char *version, size_t header_size, bool *too_large)
{
	struct collect c;
	c.n = c.bytes = 0;
	c.too_many = false;
	MHD_get_connection_values_n(r->mc, MHD_HEADER_KIND, collect_field, &c);
	*too_large = c.too_many || header_size > SP_HTTP_HEADER_MAX;
	if (*too_large) return "the header is too large";
	keep_fields(r, &c);
	const char *wrong = NULL;
	if (r->s->check_layout) wrong = sp_http_check_layout(method, header_size, r->uri_at, r->uri_len, version, c.list, c.n);
	if (!wrong) wrong = sp_http_check_method(method);
	if (!wrong) wrong = sp_http_check_header(c.list, c.n, version, &r->framing);
	return wrong ? wrong : r->target_wrong;
}

static const char no_room[] = "there is no room for the body: too much is being received and sent";

static enum MHD_Result on_header(struct sp_http_request *r, const char *method, const char *version)
{
	struct sp_http_server *s = r->s;
	size_t size = MHD_get_connection_info(r->mc, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE)->header_size;
	bool too_large;

	r->headers_done = true;
	strncat(r->method, method, sizeof(r->method) - 1);
	const char *wrong = examine(r, method, version, size, &too_large);
	if (too_large || wrong) {
		refuse(r, too_large ? SP_HTTP_HEADERS_TOO_LARGE : SP_HTTP_BAD_REQUEST, too_large ? SP_HTTP_HEADER_MAX : 0, wrong);
		return answer_early(r, true);
	}
	if (r->conn->refused) {
		refuse(r, SP_HTTP_OVERLOADED, 0, r->conn->refused);
		return answer_early(r, false);
	}
	/* The library reads the lines between the chunks more freely than RFC 9112 has it (LF alone, CR in an extension), and shows them to nobody: where such a body ends another program may see differently, so
	 * nothing that follows it may be taken for a request. */
	r->close_after = r->framing.chunked;
	char allowed[128];
	enum sp_http_match m = strlen(method) < sizeof(r->method) ? sp_http_route_find(s->opt.routes, s->opt.nroutes, method,
	                                                                    r->target.path, &r->route, &r->params, allowed)
	                                                          : SP_HTTP_NO_PATH;
	if (m == SP_HTTP_BAD_ESCAPE) {
		refuse(r, SP_HTTP_BAD_REQUEST, 0, "the path has a broken percent escape");
		return answer_early(r, false);
	}
	if (s->opt.gate && !s->opt.gate(r, s->opt.cls)) {
		SP_BUG_ON(!r->response);
		return answer_early(r, false);
	}
	if (m != SP_HTTP_MATCH) {
		refuse(r, m == SP_HTTP_NO_METHOD ? SP_HTTP_METHOD : SP_HTTP_NOT_FOUND, 0, m == SP_HTTP_NO_METHOD ? allowed : NULL);
		return answer_early(r, false);
	}
	if (r->framing.length > 0 && (uint64_t)r->framing.length > r->route->body_max) {
		refuse(r, SP_HTTP_TOO_LARGE, (int64_t)r->route->body_max, NULL);
		return answer_early(r, true);
	}
	if (r->framing.length > 0 && !sp_http_memory_fits(s, (size_t)r->framing.length)) {
		refuse(r, SP_HTTP_OVERLOADED, 0, no_room);
		return answer_early(r, false);
	}
	return MHD_YES;
}

static enum MHD_Result on_body(struct sp_http_request *r, const char *p, size_t *n)
{
	struct sp_http_server *s = r->s;
	size_t got = *n;

	*n = 0;
	if (r->discard_body) return MHD_YES;
	if (!r->body.data) sp_buf_init(&r->body, r->route->body_max ? r->route->body_max : 1);
	size_t so_far = r->body.len + got;
	bool room = sp_http_memory_take(s, got, (uint64_t)r->framing.length > so_far ? (size_t)r->framing.length : so_far);
	if (room) r->body_charged += got;
	if (room && r->route->body_max && sp_buf_add(&r->body, p, got) == 0) return MHD_YES;
	/* Here the library takes no answer. */
	struct sp_http_conn *c = r->conn;
	bool memory = r->body.len + got <= r->route->body_max;
	pthread_mutex_lock(&s->mu);
	bool late = c->timed_out;
	c->timed_out = true;
	sp_http_conn_list_move(c, NULL);
	pthread_mutex_unlock(&s->mu);
	sp_http_drop_body(r);
	if (late) return MHD_NO;
	sp_http_fault_raw(s, c->fd, r, memory ? SP_HTTP_OVERLOADED : SP_HTTP_TOO_LARGE, memory ? 0 : (int64_t)r->route->body_max,
	        memory ? no_room : NULL);
	r->status = memory ? 503 : 413;
	r->sent = true;
	c->lingers = true;
	return MHD_NO;
}

static void run_handler(struct sp_work *w)
{
	struct sp_http_request *r = (struct sp_http_request *)((char *)w - offsetof(struct sp_http_request, work));
	r->started = true;
	r->route->handler(r, r->route->cls);
}

static void live_add(struct sp_http_server *s, struct sp_http_request *r)
{
	r->live_next = s->live;
	r->live_at = &s->live;
	if (s->live) s->live->live_at = &r->live_next;
	s->live = r;
}

static enum MHD_Result dispatch(struct sp_http_request *r)
{
	struct sp_http_server *s = r->s;

	pthread_mutex_lock(&s->mu);
	if (r->conn->timed_out || s->stopping) {
		pthread_mutex_unlock(&s->mu);
		return MHD_NO;
	}
	sp_http_conn_list_move(r->conn, NULL);
	r->phase = SP_HTTP_OWNED;
	atomic_fetch_add(&r->refs, 1);
	live_add(s, r);
	set_own_timeout(r, true);
	/* Under the lock: whoever resumes does so under it, and must find the connection suspended. */
	MHD_suspend_connection(r->mc);
	pthread_mutex_unlock(&s->mu);
	r->work.fn = run_handler;
	if (sp_workpool_push(r->route->urgent ? s->urgent : s->pool, &r->work)) return MHD_YES;

	pthread_mutex_lock(&s->mu);
	bool mine = r->phase == SP_HTTP_OWNED;
	if (mine) {
		r->phase = SP_HTTP_READING;
		*r->live_at = r->live_next;
		if (r->live_next) r->live_next->live_at = r->live_at;
		MHD_resume_connection(r->mc);
		atomic_fetch_sub(&r->refs, 1);
	}
	pthread_mutex_unlock(&s->mu);
	return mine ? refuse(r, SP_HTTP_OVERLOADED, 0, "too many requests wait for a thread") : MHD_YES;
}

enum MHD_Result sp_http_on_request(void *cls, struct MHD_Connection *mc, const char *url, const char *method, const char *version,
        const char *upload, size_t *n, void **ctx)
{
	struct sp_http_request *r = *ctx;

	if (!r) return MHD_NO;
	if (!r->headers_done) return on_header(r, method, version);
	if (*n) return on_body(r, upload, n);
	pthread_mutex_lock(&r->s->mu);
	bool abandoned = r->phase == SP_HTTP_ABANDONED;
	pthread_mutex_unlock(&r->s->mu);
	if (abandoned) return MHD_NO;
	return r->response ? send_answer(r) : dispatch(r);
}
