/* SPDX-License-Identifier: MIT */
/* What the files of src/http share. Theory of operation: server.c. */
#ifndef SP_HTTP_INTERNAL_H
#define SP_HTTP_INTERNAL_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "http/guards.h"
#include "http/route.h"
#include "http/server.h"
#include "http/workpool.h"

#define SP_HTTP_HEADER_MAX (32u << 10)
/* Of one connection: the header, its index and the head of the answer. The library clears all of it after each request, so it must not be generous. */
#define SP_HTTP_POOL_BYTES (40u << 10)
/* A refused body up to this size is read and thrown away, so that the connection lives on; a greater one costs the connection. */
#define SP_HTTP_DISCARD_MAX (64 << 10)
#define SP_HTTP_SMALL (64u << 10) /* bodies and answers up to this size have a part of memory_max for themselves */
#define SP_HTTP_LINGER_NS (2 * SP_NS_PER_S)
#define SP_HTTP_LINGER_MAX 256 /* connections that linger at the same time */
#define SP_HTTP_RESERVE 64 /* connections over the bound that are accepted to be told so */

enum sp_http_phase {
	SP_HTTP_READING, /* the loop thread has it: header, body, faults */
	SP_HTTP_OWNED, /* suspended; whoever replies has it */
	SP_HTTP_ANSWERED, /* the loop thread has it again and sends */
	SP_HTTP_ABANDONED /* the server has stopped without its answer; the owner's reply goes nowhere */
};

struct sp_http_peer; /* peers.c: connections by address */

struct sp_http_conn {
	struct sp_http_conn *next, *prev; /* in one of the three lists, by `since` */
	struct sp_http_conn_list *list; /* NULL: a request is being worked on, or the end has come */
	int64_t since_ns;
	int fd;
	struct sockaddr_storage addr;
	struct sp_http_peer *peer;
	struct sp_http_request *request;
	const char *refused; /* why its requests are answered OVERLOADED; NULL: they are not */
	bool timed_out; /* 408 was written past the library; nothing more may be sent */
	bool used; /* has had a request */
	bool lingers; /* closing while its client may still be sending */
};

struct sp_http_conn_list {
	struct sp_http_conn *head, *tail;
};

struct sp_http_request {
	struct sp_http_server *s;
	struct MHD_Connection *mc;
	struct sp_http_conn *conn; /* NULL in a request that only renders a fault */
	atomic_int refs; /* the library's and the owner's */
	enum sp_http_phase phase; /* changed under s->mu */
	char id[17];
	char method[24];
	char notes[SP_HTTP_NOTES][SP_HTTP_NOTE_LEN];
	struct sockaddr_storage addr;
	int64_t start_ns;
	const char *uri_at; /* where the library read the target; only for comparing */
	size_t uri_len;
	const char *target_wrong;
	struct sp_http_target target;
	const struct sp_http_route *route;
	struct sp_http_params params;
	struct sp_http_field *fields; /* copies, in one block with their text */
	size_t nfields;
	struct sp_http_framing framing;
	struct sp_buf body;
	size_t body_charged; /* to s->memory */
	bool headers_done, discard_body, close_after;
	bool no_room; /* its answer was replaced by OVERLOADED */
	bool sent; /* an answer was given to the library or written past it */
	bool started; /* its handler has run or runs */
	bool own_timeout; /* its connection has a timeout of its own: loop.c */
	struct sp_http_request *live_next, **live_at; /* s->live */

	struct sp_http_field extra[20]; /* headers for the answer; owned texts */
	size_t nextra;
	struct MHD_Response *response;
	int status; /* of the answer; 0: none yet */
	bool raw; /* the answer is text in raw_out instead of a response */
	struct sp_buf raw_out;

	struct sp_work work;
	void (*on_gone)(struct sp_http_request *r, void *cls);
	void *gone_cls;
	bool watched;
};

struct sp_http_watch {
	struct sp_http_request *r;
	uint32_t generation;
};
struct sp_http_lingering {
	int fd;
	int64_t until_ns;
};

struct sp_http_server {
	struct sp_http_options opt;
	char *listen;
	atomic_int refs; /* the starter's and one a request or a counted text */
	_Atomic size_t memory; /* bytes of requests' bodies and of answers that were not sent to their end */
	struct MHD_Daemon *daemon;
	struct sp_workpool *pool, *urgent;
	int port;
	bool check_layout;
	unsigned library_timeout_s; /* of connections; behind all of ours */

	pthread_mutex_t mu; /* all below, and conn and request where they say so. Taken before any lock of the library, never after. */
	pthread_cond_t cv; /* a request is over, or an on_gone has returned */
	size_t active; /* requests from their first line to the end of their answer */
	size_t nconns;
	struct sp_http_conn_list reading, sending, idle;
	struct sp_http_request *live; /* suspended requests, for stopping */
	bool quiesced, stopping, watcher_ends;

	/* watch.c */
	pthread_t watcher;
	bool watcher_runs;
	int epfd, wakefd;
	struct sp_http_watch *watch; /* by descriptor */
	size_t nwatch;
	uint32_t generation;
	struct sp_http_request *gone_running; /* whose on_gone runs now */
	struct sp_http_lingering linger[SP_HTTP_LINGER_MAX];
	size_t nlinger;

	struct sp_http_peer **peers; /* hash table */
	size_t npeers;
};

/* listen.c */
int sp_http_listen(const char *address, int *port, struct sp_err *err) SP_MUSTCHECK; /* a listening descriptor */

/* peers.c; all under s->mu */
void sp_http_peers_init(struct sp_http_server *s);
void sp_http_peers_fini(struct sp_http_server *s);
struct sp_http_peer *sp_http_peer_add(struct sp_http_server *s, const struct sockaddr *addr, size_t *count);
void sp_http_peer_drop(struct sp_http_server *s, struct sp_http_peer *p);

/* loop.c: what the library calls */
void sp_http_on_connection(void *cls, struct MHD_Connection *mc, void **ctx, enum MHD_ConnectionNotificationCode what);
void *sp_http_on_uri(void *cls, const char *uri, struct MHD_Connection *mc);
enum MHD_Result sp_http_on_request(void *cls, struct MHD_Connection *mc, const char *url, const char *method, const char *version,
        const char *upload, size_t *n, void **ctx);
void sp_http_on_completed(void *cls, struct MHD_Connection *mc, void **ctx, enum MHD_RequestTerminationCode code);

/* request.c */
struct sp_http_request *sp_http_request_new(struct sp_http_server *s);
void sp_http_request_unref(struct sp_http_request *r);
void sp_http_drop_body(struct sp_http_request *r);
void sp_http_server_unref(struct sp_http_server *s);
/* Renders a fault as bytes and sends them on fd, past the library. id, method, path: of the request that they answer. */
void sp_http_fault_raw(
        struct sp_http_server *s, int fd, const struct sp_http_request *about, enum sp_http_fault fault, int64_t limit, const char *text);

/* text.c */
bool sp_http_memory_fits(struct sp_http_server *s, size_t n); /* whether take would do at the moment */
bool sp_http_memory_take(struct sp_http_server *s, size_t n,
        size_t whole) SP_MUSTCHECK; /* n of a whole of that size; false: over the bound, nothing was taken */
void sp_http_memory_give(struct sp_http_server *s, size_t n);
const char *sp_http_text_data(const struct sp_http_text *t, size_t *n);
bool sp_http_text_charge(
        struct sp_http_text *t, struct sp_http_server *s) SP_MUSTCHECK; /* until its end; once, however often it is called */
struct MHD_Response *sp_http_text_response(struct sp_http_text *t); /* with a reference of its own */

/* watch.c */
int sp_http_watch_start(struct sp_http_server *s, struct sp_err *err) SP_MUSTCHECK;
void sp_http_watch_stop(struct sp_http_server *s);
void sp_http_conn_list_move(struct sp_http_conn *c, struct sp_http_conn_list *to); /* under s->mu; to: NULL = none */
void sp_http_watch_add(struct sp_http_server *s, struct sp_http_request *r); /* under s->mu */
void sp_http_watch_remove(struct sp_http_server *s,
        struct sp_http_request *r); /* under s->mu; waits for an on_gone that runs, unless called from within it */
void sp_http_linger(struct sp_http_server *s, int fd); /* takes s->mu; consumes fd */

#endif
