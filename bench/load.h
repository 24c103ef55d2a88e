/* SPDX-License-Identifier: MIT */
/*
 * Load over HTTP/1.1: a fixed number of connections, kept alive, each of which sends the same request again as soon as it has its answer. One thread and epoll, no memory that
 * is made on the way: what it takes of the processor is little beside any server's, and is told (cpu_ns).
 *
 * Loopback only. A server that closes a connection after an answer gets a new one.
 */
#ifndef SP_BENCH_LOAD_H
#define SP_BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct load;

struct load_figures {
	long answers, wanted; /* wanted: with the status that was asked for */
	int64_t wall_ns, cpu_ns; /* cpu_ns: of this thread */
	const int64_t *
	        ns; /* sorted times from the request's first byte to the answer's last; at most LOAD_SAMPLES of them, the first. The load's */
	size_t n;
};
#define LOAD_SAMPLES 1000000

/* request: bytes that stay; rounds: requests of each connection, 0 = until load_run() is over. status: what answers should have. Says on stderr what failed and ends the program: nothing can be measured then. */
struct load *load_new(int port, const char *request, size_t n, int status, size_t connections, long rounds);
/* Goes on for `ns`, or until all rounds are over. May be called again. */
void load_run(struct load *l, int64_t ns);
bool load_is_over(const struct load *l);
size_t load_unsent(const struct load *l); /* connections whose request has not left whole */
void load_figures(struct load *l, struct load_figures *out);
void load_free(struct load *l);

/* One connection and one request at a time. */
int load_connect(int port);
/* Sends and waits for the answer; its status, -1 when the connection ended. body: NULL, or where the first `size` - 1 bytes of the body go, with NUL. */
int load_ask(int fd, const char *request, size_t n, char *body, size_t size);
/* The same on a connection of its own. */
int load_once(int port, const char *request, char *body, size_t size);

#endif
