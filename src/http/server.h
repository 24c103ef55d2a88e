/* SPDX-License-Identifier: MIT */
/*
 * HTTP server: a façade over libmicrohttpd. Its loop threads read and write sockets and never block; a request whose body is complete is suspended and handed to a pool of work
 * threads, where its route's handler runs and may block. A handler replies, or holds the request and somebody replies later from any thread.
 *
 * A request with a chunked body is the last of its connection. Guards (400 and close): duplicate or conflicting Content-Length / Transfer-Encoding, any transfer coding but chunked, missing or repeated Host in HTTP/1.1, a method that is no token, NUL or bare CR in a header. A declared length over
 * the route's bound is refused before the body (413), also with Expect: 100-continue; an undeclared one as soon as it is passed. 431 for headers over 32 KiB. Whole-request deadline against slow senders (408). Connection limit, in all and by peer.
 */
#ifndef SP_HTTP_SERVER_H
#define SP_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/err.h"

/* Whether a server could listen there (HOST:PORT, [ADDRESS]:PORT), by doing so for a moment. Errors as of start; SP_E_CONFLICT names who has the port. */
int sp_http_try_listen(const char *address, struct sp_err *err) SP_MUSTCHECK;

struct sp_http_server;
struct sp_http_request; /* lives from the first header to the end of its answer; handlers must not touch it after sp_http_reply */

struct sp_http_route {
	const char *method; /* "GET" also answers HEAD */
	const char *path; /* "/v1/evaluations/{id}": {name} matches one non-empty segment, percent-decoded */
	size_t body_max; /* bytes; 0: a body is refused with 413 */
	void (*handler)(struct sp_http_request *r, void *cls); /* on a work thread */
	void *cls;
	bool urgent; /* the handler never blocks, and runs on a thread that handlers which do cannot occupy */
};

enum sp_http_fault {
	SP_HTTP_BAD_REQUEST,
	SP_HTTP_NOT_FOUND,
	SP_HTTP_METHOD,
	SP_HTTP_TIMEOUT,
	SP_HTTP_TOO_LARGE,
	SP_HTTP_HEADERS_TOO_LARGE,
	SP_HTTP_OVERLOADED
};

struct sp_http_options {
	const char *listen; /* "127.0.0.1:8080", "[::1]:8080", "0.0.0.0:80"; port 0: any free one */
	const struct sp_http_route *routes;
	size_t nroutes;
	int loop_threads, work_threads;
	size_t connections_max,
	        connections_per_peer_max; /* while more than an eighth of the bound are open, every answer closes its connection. Per peer: 0 = no bound of its own */
	size_t work_queue_max; /* requests that wait for a work thread; more are answered SP_HTTP_OVERLOADED */
	/* Bytes of requests' bodies and of answers on their way, all connections together; what comes on top is answered SP_HTTP_OVERLOADED. 0 = no bound. One that is alone may be larger; a quarter is for what has 64 KiB at most; and answers
	 * of a few KiB are not counted. */
	size_t memory_max;
	int64_t request_deadline_ms; /* first byte of a request to its last */
	int64_t answer_deadline_ms; /* an answer must have been taken by its client after this */
	int64_t idle_ms; /* kept-alive connection without a request */
	/* Renders an answer for a fault found before any handler; runs on a loop thread, must not block, calls sp_http_reply. limit: bytes or ms when the fault has one; text: for people (allowed methods for METHOD). */
	void (*fault)(struct sp_http_request *r, enum sp_http_fault fault, int64_t limit, const char *text, void *cls);
	/* Runs when the headers are complete, before any body is read, on a loop thread; returns true to go on, or calls sp_http_reply and returns false. May be NULL. */
	bool (*gate)(struct sp_http_request *r, void *cls);
	/* After the answer was sent or given up, on any thread: for logs and metrics. status 0: the client left before an answer. May be NULL. */
	void (*done)(struct sp_http_request *r, int status, int64_t duration_ns, void *cls);
	void *cls;
};

/* Binds and starts. SP_E_CONFLICT when the address is taken (message says how to change it and, if /proc tells, which process has it), SP_E_INVALID for a bad address. */
struct sp_http_server *sp_http_start(const struct sp_http_options *opt, struct sp_err *err) SP_MUSTCHECK;
int sp_http_port(const struct sp_http_server *s); /* the real port */
void sp_http_quiesce(struct sp_http_server *s); /* stop accepting; what is open is served on, each answer closes its connection */
/* Waits until all requests are answered (held ones too: the caller answers them) or timeout_ms is over, closes the rest, frees. */
void sp_http_stop(struct sp_http_server *s, int64_t timeout_ms);

/* What was asked. Pointers live as long as the request. */
const char *sp_http_method(const struct sp_http_request *r);
const char *sp_http_path(const struct sp_http_request *r);
const struct sp_http_route *sp_http_route_of(const struct sp_http_request *r); /* NULL before routing or when none fits */
const char *sp_http_param(const struct sp_http_request *r, const char *name); /* of the path; NULL if the route has none of that name */
const char *sp_http_query(const struct sp_http_request *r, const char *name); /* decoded; NULL when absent; the first when repeated */
/* Calls fn for every query parameter until it returns false (for refusing unknown ones). */
void sp_http_each_query(const struct sp_http_request *r, bool (*fn)(void *cls, const char *name, const char *value), void *cls);
const char *sp_http_header(const struct sp_http_request *r, const char *name); /* case-insensitive; NULL when absent */
void sp_http_each_header(const struct sp_http_request *r, bool (*fn)(void *cls, const char *name, const char *value),
        void *cls); /* until fn returns false */
const char *sp_http_body(const struct sp_http_request *r, size_t *n);
const struct sockaddr *sp_http_peer(const struct sp_http_request *r);
const char *sp_http_request_id(const struct sp_http_request *r); /* made by us, sent as X-Request-Id */

/* What the request turned out to be about, for `done`: short texts, cut to SP_HTTP_NOTE_LEN with NUL. Whoever may touch the request may set it, until he replies. */
enum sp_http_note { SP_HTTP_NOTE_EVALUATION, SP_HTTP_NOTE_USER, SP_HTTP_NOTES };
#define SP_HTTP_NOTE_LEN 40
void sp_http_set_note(struct sp_http_request *r, enum sp_http_note what, const char *text);
const char *sp_http_note(const struct sp_http_request *r, enum sp_http_note what); /* NULL: not set */

/* Adds a header to the answer, or gives one of that name another value; before sp_http_reply. Values with control characters are dropped. */
void sp_http_add_header(struct sp_http_request *r, const char *name, const char *value);
/* Answers, exactly once, from any thread. body: malloc'ed, consumed; NULL with n = 0 for none. The request is gone afterwards. */
void sp_http_reply(struct sp_http_request *r, int status, const char *content_type, char *body, size_t n);
/* Same with a text that several answers share: it is in memory once. The answer takes a reference of its own. Answers with the same text are given one after another, not at the same time. */
struct sp_http_text;
struct sp_http_text *sp_http_text_new(char *data, size_t n); /* data: malloc'ed, consumed; one reference, the caller's */
void sp_http_text_unref(struct sp_http_text *t); /* NULL is fine */
void sp_http_reply_text(struct sp_http_request *r, int status, const char *content_type, struct sp_http_text *t);
/* Takes the room for such an answer (memory_max), as the reply would, until the text's end; what a hold has kept of it is given up. false: there is none, and a reply with it would be SP_HTTP_OVERLOADED instead. For whoever has a smaller answer then. */
bool sp_http_reserve(struct sp_http_request *r, struct sp_http_text *t) SP_MUSTCHECK;
/* Same with bytes that live for ever (embedded pages). */
void sp_http_reply_static(struct sp_http_request *r, int status, const char *content_type, const void *body, size_t n);
/* From the handler, before returning without a reply: somebody will reply later. on_gone (may be NULL) is called at most once, on some thread, when the client has left; the reply is still owed. It is never called after sp_http_reply has begun;
 * sp_http_reply waits for one that is running unless called from within it. "Left" means that the client has closed its side for sending; one that only half-closed still gets its answer.
 * The body is freed: what is needed of it must have been read. keep_room: it counts for memory_max until the request's end all the same, because something as large was made of it and is kept. After this call the request must not be touched but by whoever replies. */
void sp_http_hold(struct sp_http_request *r, bool keep_room, void (*on_gone)(struct sp_http_request *r, void *cls), void *cls);

#endif
