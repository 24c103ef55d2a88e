/* SPDX-License-Identifier: MIT */
/*
 * The watcher: one thread that sees what the library does not tell.
 *
 * - Clients that leave while their request is held. The library does not look at the socket of a suspended connection; an epoll set of our own does. The end of the client's stream is what
 *   is seen. It cannot be told from a client that has only closed its sending side (which HTTP allows after a complete request) until something is sent to it: so this is told to on_gone, and the answer
 *   is still sent when it comes.
 * - Deadlines. Connections wait in three lists (reading a request, sending an answer, idle), one for each duration, by the time at which the wait began; so the head is always the next to expire, and a thread that adds to an end never
 *   needs to wake the watcher: whatever was added after it fell asleep expires after it wakes.
 * - Lingering. Closing a socket with unread bytes makes the kernel send a reset, which can destroy an answer on its way to a client that is still sending (a refused upload). Such a socket is
 *   kept by a duplicate, shut for writing, and read empty for a moment.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "http/internal.h"

#define TAG_WAKE UINT64_MAX
#define TAG_LINGER (UINT64_C(1) << 63)

void sp_http_conn_list_move(struct sp_http_conn *c, struct sp_http_conn_list *to)
{
	if (c->list) {
		*(c->prev ? &c->prev->next : &c->list->head) = c->next;
		*(c->next ? &c->next->prev : &c->list->tail) = c->prev;
	}
	c->list = to;
	c->next = c->prev = NULL;
	if (!to) return;
	c->since_ns = sp_mono_ns();
	c->prev = to->tail;
	*(to->tail ? &to->tail->next : &to->head) = c;
	to->tail = c;
}

void sp_http_watch_add(struct sp_http_server *s, struct sp_http_request *r)
{
	size_t fd = (size_t)r->conn->fd;
	if (fd >= s->nwatch) {
		size_t n = fd + 1 < 64 ? 64 : (fd + 1) * 2;
		s->watch = sp_realloc(s->watch, n, sizeof(s->watch[0]));
		memset(s->watch + s->nwatch, 0, (n - s->nwatch) * sizeof(s->watch[0]));
		s->nwatch = n;
	}
	s->generation = (s->generation + 1) & 0x7fffffff;
	s->watch[fd] = (struct sp_http_watch){.r = r, .generation = s->generation};
	struct epoll_event ev = {.events = EPOLLRDHUP | EPOLLONESHOT, .data.u64 = (uint64_t)s->generation << 32 | fd};
	/* Without it the answer still comes; only that the client left stays unknown. */
	r->watched = epoll_ctl(s->epfd, EPOLL_CTL_ADD, (int)fd, &ev) == 0;
	if (!r->watched) s->watch[fd].r = NULL;
}

void sp_http_watch_remove(struct sp_http_server *s, struct sp_http_request *r)
{
	if (r->watched) {
		r->watched = false;
		s->watch[r->conn->fd].r = NULL;
		epoll_ctl(s->epfd, EPOLL_CTL_DEL, r->conn->fd, NULL);
	}
	while (s->gone_running == r && !pthread_equal(pthread_self(), s->watcher)) pthread_cond_wait(&s->cv, &s->mu);
}

static void tell_gone(struct sp_http_server *s, uint64_t tag)
{
	size_t fd = tag & 0xffffffff;
	uint32_t generation = (uint32_t)(tag >> 32);

	pthread_mutex_lock(&s->mu);
	struct sp_http_request *r = fd < s->nwatch && s->watch[fd].generation == generation ? s->watch[fd].r : NULL;
	if (r) {
		s->gone_running = r;
		pthread_mutex_unlock(&s->mu);
		r->on_gone(r, r->gone_cls);
		/* r may be gone now: on_gone may have replied. */
		pthread_mutex_lock(&s->mu);
		s->gone_running = NULL;
		pthread_cond_broadcast(&s->cv);
	}
	pthread_mutex_unlock(&s->mu);
}

void sp_http_linger(struct sp_http_server *s, int fd)
{
	shutdown(fd, SHUT_WR);
	pthread_mutex_lock(&s->mu);
	struct epoll_event ev = {.events = EPOLLIN | EPOLLRDHUP, .data.u64 = TAG_LINGER | (uint64_t)fd};
	bool ok = !s->watcher_ends && s->nlinger < SP_HTTP_LINGER_MAX && epoll_ctl(s->epfd, EPOLL_CTL_ADD, fd, &ev) == 0;
	if (ok) s->linger[s->nlinger++] = (struct sp_http_lingering){.fd = fd, .until_ns = sp_mono_ns() + SP_HTTP_LINGER_NS};
	pthread_mutex_unlock(&s->mu);
	if (!ok) close(fd);
}

static void linger_end(struct sp_http_server *s, size_t i)
{
	/* The library may still hold the original, and the set watches what both stand for, not the number: without this it would go on telling of a number that is somebody else's by then. */
	epoll_ctl(s->epfd, EPOLL_CTL_DEL, s->linger[i].fd, NULL);
	close(s->linger[i].fd);
	s->linger[i] = s->linger[--s->nlinger];
}

static void linger_read(struct sp_http_server *s, int fd)
{
	char scrap[16384];
	ssize_t n = 0;

	for (int i = 0; i < 16; i++) {
		n = recv(fd, scrap, sizeof(scrap), MSG_DONTWAIT);
		if (n <= 0) break;
	}
	if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR))) return;
	pthread_mutex_lock(&s->mu);
	for (size_t i = 0; i < s->nlinger; i++) {
		if (s->linger[i].fd != fd) continue;
		linger_end(s, i);
		break;
	}
	pthread_mutex_unlock(&s->mu);
}

static bool has_received(int fd)
{
	struct tcp_info ti = {0};
	socklen_t n = sizeof(ti);
	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &ti, &n) == 0 && ti.tcpi_bytes_received > 0;
}

/* The head of `reading` is late. Called with s->mu held, which it gives up in between. The library cannot be made to answer from here, so the answer goes past it: it sends nothing in this phase. */
static void time_out(struct sp_http_server *s, struct sp_http_conn *c)
{
	sp_http_conn_list_move(c, NULL);
	c->timed_out = true;
	struct sp_http_request *r = c->request;
	if (!r && !has_received(c->fd)) {
		shutdown(c->fd, SHUT_RDWR);
		return;
	}
	if (r) atomic_fetch_add(&r->refs, 1);
	sp_autoclose int fd = fcntl(c->fd, F_DUPFD_CLOEXEC, 3);
	if (fd < 0) shutdown(c->fd, SHUT_RDWR);
	pthread_mutex_unlock(&s->mu);
	if (fd >= 0) {
		sp_http_fault_raw(s, fd, r, SP_HTTP_TIMEOUT, s->opt.request_deadline_ms, NULL);
		shutdown(fd, SHUT_RDWR);
	}
	if (r) sp_http_request_unref(r);
	pthread_mutex_lock(&s->mu);
}

static void end_late(struct sp_http_conn_list *l, int64_t after_ns, int64_t now)
{
	while (l->head && now - l->head->since_ns >= after_ns) {
		struct sp_http_conn *c = l->head;
		sp_http_conn_list_move(c, NULL);
		c->timed_out = true;
		shutdown(c->fd, SHUT_RDWR);
	}
}

/* Ends what is late; milliseconds until the next look. */
static int expire(struct sp_http_server *s)
{
	int64_t reading_ns = s->opt.request_deadline_ms * SP_NS_PER_MS, idle_ns = s->opt.idle_ms * SP_NS_PER_MS,
	        sending_ns = s->opt.answer_deadline_ms * SP_NS_PER_MS;
	int64_t now = sp_mono_ns();

	while (s->reading.head && now - s->reading.head->since_ns >= reading_ns) time_out(s, s->reading.head);
	end_late(&s->sending, sending_ns, now);
	end_late(&s->idle, idle_ns, now);
	int64_t next = now + (reading_ns < idle_ns ? reading_ns : idle_ns);
	if (next > now + sending_ns) next = now + sending_ns;
	for (size_t i = s->nlinger; i-- > 0;) {
		if (s->linger[i].until_ns <= now)
			linger_end(s, i);
		else if (s->linger[i].until_ns < next)
			next = s->linger[i].until_ns;
	}
	if (s->reading.head && s->reading.head->since_ns + reading_ns < next) next = s->reading.head->since_ns + reading_ns;
	if (s->sending.head && s->sending.head->since_ns + sending_ns < next) next = s->sending.head->since_ns + sending_ns;
	if (s->idle.head && s->idle.head->since_ns + idle_ns < next) next = s->idle.head->since_ns + idle_ns;
	/* The lists may have changed while time_out() had given up the lock, and then `now` is old: that only makes the next look come sooner. */
	int64_t ms = (next - now) / SP_NS_PER_MS + 1;
	return ms > 60000 ? 60000 : (int)ms;
}

static void *watch(void *cls)
{
	struct sp_http_server *s = cls;
	struct epoll_event ev[64];

	for (;;) {
		pthread_mutex_lock(&s->mu);
		bool ends = s->watcher_ends;
		int wait_ms = ends ? 0 : expire(s);
		pthread_mutex_unlock(&s->mu);
		if (ends) return NULL;
		int n = epoll_wait(s->epfd, ev, SP_COUNT(ev), wait_ms);
		for (int i = 0; i < n; i++) {
			if (ev[i].data.u64 == TAG_WAKE)
				continue; /* only watch_stop writes to it */
			else if (ev[i].data.u64 & TAG_LINGER)
				linger_read(s, (int)(ev[i].data.u64 & 0x7fffffff));
			else
				tell_gone(s, ev[i].data.u64);
		}
	}
}

int sp_http_watch_start(struct sp_http_server *s, struct sp_err *err)
{
	s->epfd = epoll_create1(EPOLL_CLOEXEC);
	s->wakefd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct epoll_event ev = {.events = EPOLLIN, .data.u64 = TAG_WAKE};
	if (s->epfd < 0 || s->wakefd < 0 || epoll_ctl(s->epfd, EPOLL_CTL_ADD, s->wakefd, &ev) < 0)
		return sp_fail(err, SP_E_IO, errno, "make an epoll set");

	sigset_t all, old;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int e = pthread_create(&s->watcher, NULL, watch, s);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (e) return sp_fail(err, SP_E_LIMIT, e, "start the watcher's thread");
	pthread_setname_np(s->watcher, "http-watch");
	s->watcher_runs = true;
	return 0;
}

void sp_http_watch_stop(struct sp_http_server *s)
{
	if (s->watcher_runs) {
		pthread_mutex_lock(&s->mu);
		s->watcher_ends = true;
		pthread_mutex_unlock(&s->mu);
		uint64_t one = 1;
		if (write(s->wakefd, &one, sizeof(one)) < 0) SP_BUG_ON(errno != EAGAIN);
		pthread_join(s->watcher, NULL);
		s->watcher_runs = false;
	}
	while (s->nlinger) linger_end(s, 0);
	if (s->epfd >= 0) close(s->epfd);
	if (s->wakefd >= 0) close(s->wakefd);
	s->epfd = s->wakefd = -1;
	free(s->watch);
	s->watch = NULL;
	s->nwatch = 0;
}
