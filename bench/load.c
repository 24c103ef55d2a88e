/* SPDX-License-Identifier: MIT */
#include "load.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "figures.h"

#define HEAD_MAX 8192

/* An answer that comes in: its head is kept until it is whole, of its body the length alone counts. */
struct answer {
	char head[HEAD_MAX];
	size_t have; /* of the head */
	bool in_body, close;
	int status;
	size_t left; /* of the body */
};

struct connection {
	int fd;
	size_t sent;
	long rounds;
	int64_t began_ns;
	struct answer a;
};

struct load {
	int epoll, port, status;
	const char *request;
	size_t n;
	struct connection *c;
	size_t count, over;
	long rounds, answers, wanted;
	int64_t wall_ns, cpu_ns;
	int64_t *ns;
	size_t n_ns;
};

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

int load_connect(int port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0) fail("socket");
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0) fail("connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

/* Takes bytes of an answer: how many of them belong to it, and the last *body of those to its body. *whole: it has ended. A head that is none ends the program. */
static size_t take(struct answer *a, const char *p, size_t n, size_t *body, bool *whole)
{
	size_t used = 0;

	*body = 0;
	*whole = false;
	if (!a->in_body) {
		size_t before = a->have, room = HEAD_MAX - 1 - a->have, add = n < room ? n : room;
		memcpy(a->head + before, p, add);
		a->have += add;
		a->head[a->have] = '\0';
		char *end = strstr(a->head, "\r\n\r\n");
		if (!end && add < n) {
			errno = EMSGSIZE;
			fail("the head of an answer");
		}
		if (!end) return n;
		end += 4;
		used = (size_t)(end - a->head) - before;
		*end = '\0';
		if (sscanf(a->head, "HTTP/1.1 %d", &a->status) != 1) {
			errno = EPROTO;
			fail("the first line of an answer");
		}
		const char *length = strcasestr(a->head, "\r\nContent-Length:");
		a->left = length ? strtoul(length + 17, NULL, 10) : 0;
		a->close = strcasestr(a->head, "\r\nConnection: close") != NULL;
		a->in_body = true;
	}
	*body = n - used < a->left ? n - used : a->left;
	a->left -= *body;
	*whole = a->left == 0;
	return used + *body;
}

int load_ask(int fd, const char *request, size_t n, char *body, size_t size)
{
	char buf[65536];
	struct answer a = {.status = -1};
	size_t kept = 0;
	bool whole = false;

	for (size_t sent = 0; sent < n;) {
		ssize_t k = send(fd, request + sent, n - sent, MSG_NOSIGNAL);
		if (k < 0) return -1;
		sent += (size_t)k;
	}
	while (!whole) {
		ssize_t k = recv(fd, buf, sizeof(buf), 0);
		if (k <= 0) return -1;
		size_t part, used = take(&a, buf, (size_t)k, &part, &whole);
		if (!body) continue;
		if (part > size - 1 - kept) part = size - 1 - kept;
		memcpy(body + kept, buf + used - part, part);
		kept += part;
	}
	if (body) body[kept] = '\0';
	return a.status;
}

int load_once(int port, const char *request, char *body, size_t size)
{
	int fd = load_connect(port), status = load_ask(fd, request, strlen(request), body, size);

	close(fd);
	return status;
}

/* ---- many at once ---- */

static void watch(struct load *l, struct connection *c, int op, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.ptr = c};

	if (epoll_ctl(l->epoll, op, c->fd, &e) < 0) fail("epoll_ctl");
}

/* Sends what the socket takes; the rest when it takes more. */
static void send_request(struct load *l, struct connection *c)
{
	bool waited = c->sent > 0;

	if (!waited) c->began_ns = sp_mono_ns();
	while (c->sent < l->n) {
		ssize_t k = send(c->fd, l->request + c->sent, l->n - c->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (k < 0 && errno == EAGAIN) {
			watch(l, c, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
			return;
		}
		if (k < 0) fail("send");
		c->sent += (size_t)k;
	}
	if (waited) watch(l, c, EPOLL_CTL_MOD, EPOLLIN);
}

static void open_connection(struct load *l, struct connection *c)
{
	c->fd = load_connect(l->port);
	watch(l, c, EPOLL_CTL_ADD, EPOLLIN);
}

static void begin(struct load *l, struct connection *c)
{
	c->sent = 0;
	c->a.have = 0;
	c->a.in_body = false;
	send_request(l, c);
}

static void answered(struct load *l, struct connection *c)
{
	if (l->n_ns < LOAD_SAMPLES) l->ns[l->n_ns++] = sp_mono_ns() - c->began_ns;
	l->answers++;
	l->wanted += c->a.status == l->status;
	if (c->a.close) {
		close(c->fd);
		c->fd = -1;
	}
	if (++c->rounds == l->rounds) {
		l->over++;
		return;
	}
	if (c->fd < 0) open_connection(l, c);
	begin(l, c);
}

static void receive(struct load *l, struct connection *c)
{
	static char buf[65536];
	size_t body;
	bool whole;
	ssize_t k = recv(c->fd, buf, sizeof(buf), MSG_DONTWAIT);

	if (k < 0 && errno == EAGAIN) return;
	if (k == 0) errno = ECONNRESET;
	if (k <= 0) fail("recv");
	if (take(&c->a, buf, (size_t)k, &body, &whole) < (size_t)k) {
		errno = EPROTO;
		fail("more than an answer");
	}
	if (whole) answered(l, c);
}

struct load *load_new(int port, const char *request, size_t n, int status, size_t connections, long rounds)
{
	struct load *l = sp_new(struct load);

	*l = (struct load){.port = port, .status = status, .request = request, .n = n, .count = connections, .rounds = rounds};
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll < 0) fail("epoll_create1");
	l->c = sp_calloc(connections, sizeof(*l->c));
	l->ns = sp_calloc(LOAD_SAMPLES, sizeof(*l->ns));
	for (size_t i = 0; i < connections; i++) open_connection(l, &l->c[i]);
	for (size_t i = 0; i < connections; i++) begin(l, &l->c[i]);
	return l;
}

static int64_t thread_cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * SP_NS_PER_S + t.tv_nsec;
}

void load_run(struct load *l, int64_t ns)
{
	struct epoll_event events[256];
	int64_t began = sp_mono_ns(), cpu = thread_cpu_ns(), now = began;

	while (!load_is_over(l) && now < began + ns) {
		int n = epoll_wait(l->epoll, events, SP_COUNT(events), (int)((began + ns - now) / SP_NS_PER_MS) + 1);
		if (n < 0 && errno != EINTR) fail("epoll_wait");
		for (int i = 0; i < n; i++) {
			struct connection *c = events[i].data.ptr;
			if (events[i].events & EPOLLOUT && c->sent < l->n)
				send_request(l, c);
			else if (c->fd >= 0 && (!l->rounds || c->rounds < l->rounds))
				receive(l, c);
		}
		now = sp_mono_ns();
	}
	l->wall_ns += now - began;
	l->cpu_ns += thread_cpu_ns() - cpu;
}

bool load_is_over(const struct load *l) { return l->over == l->count; }

size_t load_unsent(const struct load *l)
{
	size_t n = 0;

	for (size_t i = 0; i < l->count; i++) n += l->c[i].sent < l->n;
	return n;
}

void load_figures(struct load *l, struct load_figures *out)
{
	figures_sort(l->ns, l->n_ns);
	*out = (struct load_figures){
	        .answers = l->answers, .wanted = l->wanted, .wall_ns = l->wall_ns, .cpu_ns = l->cpu_ns, .ns = l->ns, .n = l->n_ns};
}

void load_free(struct load *l)
{
	if (!l) return;
	for (size_t i = 0; i < l->count; i++)
		if (l->c[i].fd >= 0) close(l->c[i].fd);
	close(l->epoll);
	free(l->c);
	free(l->ns);
	free(l);
}
