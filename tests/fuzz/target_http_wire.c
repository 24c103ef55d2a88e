/* SPDX-License-Identifier: MIT */
/*
 * The HTTP server as a whole, over a connection of its own for each input. The input is what the client sends; the byte FF cuts it into two sends. A last request, which closes the connection, is added, so that a header that is
 * cut is completed by something and nobody waits for the rest of it.
 *
 * Every route answers with what it understood: method, path, fields and body. What was sent is read once more here, by the letter of RFC 9112. Holds: whatever a handler was given is what this reading gives, request by
 * request, so that nothing can be smuggled past a proxy that reads by the letter too; a request that cannot be read so reaches no handler and is the last of its connection; every answer is well formed,
 * and every complete first request has one.
 */
#include "fuzz.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/mem.h"
#include "http/server.h"

#define BODY_MAX 64
#define ANSWER_MAX (1u << 20)
#define REQUESTS_MAX 16
#define WAIT_MS 20000 /* a hang, not a slow machine */

static const char last[] = "\r\n\r\nGET /g/last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

static int port;

/* ---- the server's side */

static bool add_field(void *cls, const char *name, const char *value)
{
	sp_buf_printf(cls, "%s: %s\n", name, value);
	return true;
}

static void handler(struct sp_http_request *r, void *cls)
{
	struct sp_buf b;
	size_t n;
	const char *body = sp_http_body(r, &n);

	sp_buf_init(&b, ANSWER_MAX);
	sp_buf_printf(&b, "%s %s\n", sp_http_method(r), sp_http_path(r));
	sp_http_each_header(r, add_field, &b);
	sp_buf_adds(&b, "\n");
	sp_buf_add(&b, body, n);
	FZ_CHECK(!b.failed && n <= BODY_MAX);
	char *text = sp_buf_steal(&b, &n);
	sp_http_reply(r, 200, "text/plain", text, n);
}

static void fault(struct sp_http_request *r, enum sp_http_fault f, int64_t limit, const char *text, void *cls)
{
	static const int status[] = {400, 404, 405, 408, 413, 431, 503};
	sp_http_reply_static(r, status[f], "text/plain", "no\n", 3);
}

static const struct sp_http_route routes[] = {
        {.method = "GET", .path = "/", .handler = handler},
        {.method = "GET", .path = "/g/{id}", .handler = handler, .urgent = true},
        {.method = "POST", .path = "/p", .body_max = BODY_MAX, .handler = handler},
};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct sp_http_options opt = {.listen = "127.0.0.1:0",
	        .routes = routes,
	        .nroutes = SP_COUNT(routes),
	        .loop_threads = 1,
	        .work_threads = 2,
	        .connections_max = 1000,
	        .work_queue_max = 100,
	        .request_deadline_ms = 60000,
	        .answer_deadline_ms = 60000,
	        .idle_ms = 60000,
	        .fault = fault};
	struct sp_err err = {0};
	const struct sp_http_server *s = sp_http_start(&opt, &err); /* until the process ends */

	if (!s) fz_failed(__FILE__, __LINE__, err.msg);
	port = sp_http_port(s);
	return 0;
}

/* ---- reading by the letter */

enum outcome {
	WHOLE,
	CUT,
	WRONG,
	LAX /* chunks that are not by the letter: the library may take them, and then the connection must end */
};

struct reading {
	const char *p;
	size_t n, at;
	struct sp_buf dump; /* what a handler should say */
	char method[32];
};

/* The line at r->at without its end, which is CR LF or LF. NULs at its end go for nothing, and a line that begins with one for an empty line: libmicrohttpd reads it so, and lets nobody see it; no proxy sends a NUL.
 * CUT: there is no end. */
static enum outcome take_line(struct reading *r, struct fz *line)
{
	const char *from = r->p + r->at, *nl = r->n > r->at ? memchr(from, '\n', r->n - r->at) : NULL;
	if (!nl) return CUT;
	size_t n = (size_t)(nl - from);
	r->at += n + 1;
	if (n && from[n - 1] == '\r') n--;
	while (n && from[n - 1] == '\0') n--;
	if (n && !*from) n = 0;
	*line = (struct fz){(const uint8_t *)from, n};
	return memchr(from, '\r', n) || memchr(from, '\0', n) ? WRONG : WHOLE;
}

static bool token_char(uint8_t c) { return c > 0x20 && c < 0x7f && !strchr("\"(),/:;<=>?@[\\]{}", c); }

static bool blank(uint8_t c) { return c == ' ' || c == '\t'; }

static enum outcome request_line(struct reading *r)
{
	struct fz line;
	enum outcome o;

	do o = take_line(r, &line);
	while (o == WHOLE && !line.n); /* empty lines before a request are to be overlooked */
	if (o != WHOLE) return o;
	struct fz method = fz_until(&line, ' ');
	while (line.n && *line.p == ' ') fz_u8(&line);
	struct fz target = fz_until(&line, ' ');
	while (line.n && *line.p == ' ') fz_u8(&line);
	if (!method.n || !target.n || line.n != 8 || strncmp((const char *)line.p, "HTTP/1.", 7) != 0) return WRONG;
	for (size_t i = 0; i < method.n; i++)
		if (!token_char(method.p[i])) return WRONG;
	snprintf(r->method, sizeof r->method, "%.*s", (int)method.n, (const char *)method.p);
	/* Only what a handler could see of the target: the path. Queries and the absolute form: target_http_target.c. */
	size_t path = 0;
	while (path < target.n && target.p[path] != '?') path++;
	if (target.p[0] == '/') sp_buf_printf(&r->dump, "%s %.*s\n", r->method, (int)path, (const char *)target.p);
	return WHOLE;
}

static bool is(struct fz name, const char *what) { return name.n == strlen(what) && strncasecmp((const char *)name.p, what, name.n) == 0; }

struct framing {
	int lengths, codings, hosts;
	uint64_t length;
};

static enum outcome field(struct reading *r, struct fz line, struct framing *f)
{
	size_t name = 0;
	while (name < line.n && token_char(line.p[name])) name++;
	if (!name || name == line.n || line.p[name] != ':') return WRONG; /* also a line that goes on with the last one */
	struct fz v = {line.p + name + 1, line.n - name - 1}, n = {line.p, name};
	while (v.n && blank(*v.p)) fz_u8(&v);
	while (v.n && blank(v.p[v.n - 1])) v.n--;
	for (size_t i = 0; i < v.n; i++)
		if ((v.p[i] < 0x20 && v.p[i] != '\t') || v.p[i] == 0x7f) return WRONG;
	sp_buf_add(&r->dump, n.p, n.n);
	sp_buf_adds(&r->dump, ": ");
	sp_buf_add(&r->dump, v.p, v.n);
	sp_buf_adds(&r->dump, "\n");
	if (is(n, "Host")) f->hosts++;
	if (is(n, "Transfer-Encoding")) {
		f->codings++;
		if (!is(v, "chunked")) return WRONG;
	}
	if (!is(n, "Content-Length")) return WHOLE;
	f->lengths++;
	if (!v.n || v.n > 18) return WRONG;
	for (f->length = 0; v.n; f->length = f->length * 10 + (uint64_t)(fz_u8(&v) - '0'))
		if (*v.p < '0' || *v.p > '9') return WRONG;
	return WHOLE;
}

static int hex(uint8_t c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool strict_line(struct reading *r, struct fz *line)
{
	size_t from = r->at;
	return take_line(r, line) == WHOLE && r->at - from == line->n + 2 && r->p[r->at - 2] == '\r';
}

/* With CR LF everywhere, and nothing that is not printed in an extension. */
static enum outcome chunks(struct reading *r)
{
	struct fz line;

	for (;;) {
		uint64_t size = 0;
		if (!memchr(r->p + r->at, '\n', r->n - r->at)) return CUT;
		if (!strict_line(r, &line) || !line.n || hex(*line.p) < 0) return LAX;
		while (line.n && hex(*line.p) >= 0) {
			if (size >> 56) return LAX;
			size = size * 16 + (uint64_t)hex(fz_u8(&line));
		}
		if (line.n && *line.p != ';') return LAX;
		if (size == 0) break;
		if (size > r->n - r->at) return CUT;
		sp_buf_add(&r->dump, r->p + r->at, size);
		r->at += size;
		if (!memchr(r->p + r->at, '\n', r->n - r->at)) return CUT;
		if (!strict_line(r, &line) || line.n) return LAX;
	}
	/* Trailers: nobody looks at them. */
	while (take_line(r, &line) != CUT)
		if (!line.n) return WHOLE;
	return CUT;
}

/* One request. Its dump is complete when it is WHOLE. */
static enum outcome read_request(struct reading *r)
{
	struct framing f = {0};
	struct fz line;

	r->dump.len = 0;
	enum outcome o = request_line(r);
	bool odd = false;
	while (o == WHOLE && (o = take_line(r, &line)) == WHOLE && line.n) odd |= field(r, line, &f) != WHOLE;
	if (o != WHOLE) return o;
	if (odd || f.lengths > 1 || f.codings > 1 || (f.lengths && f.codings) || f.hosts > 1) return WRONG;
	sp_buf_adds(&r->dump, "\n");
	if (f.codings) return chunks(r);
	if (f.length > r->n - r->at) return CUT;
	sp_buf_add(&r->dump, r->p + r->at, f.length);
	r->at += f.length;
	return WHOLE;
}

/* ---- the client's side */

static int connect_client(void)
{
	static unsigned turn;
	struct sockaddr_in me = {.sin_family = AF_INET}, to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	/* Each from another address: a port of ours is not free again for a minute. */
	me.sin_addr.s_addr = htonl(0x7f010000u + ++turn % 65000u);
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	FZ_CHECK(fd >= 0 && bind(fd, (const struct sockaddr *)&me, sizeof me) == 0);
	FZ_CHECK(connect(fd, (const struct sockaddr *)&to, sizeof to) == 0);
	return fd;
}

/* false: end of file, or a reset: it did not want to read all that we had sent. */
static bool receive(int fd, struct sp_buf *to)
{
	char piece[4096];
	struct pollfd p = {.fd = fd, .events = POLLIN};

	FZ_CHECK(poll(&p, 1, WAIT_MS) == 1);
	ssize_t n = recv(fd, piece, sizeof piece, 0);
	FZ_CHECK(n >= 0 || errno == ECONNRESET);
	if (n <= 0) return false;
	FZ_CHECK(sp_buf_add(to, piece, (size_t)n) == 0);
	return true;
}

static void send_all(int fd, const void *p, size_t n)
{
	for (size_t at = 0; at < n;) {
		ssize_t k = send(fd, (const char *)p + at, n - at, MSG_NOSIGNAL);
		FZ_CHECK(k > 0 || errno == EPIPE || errno == ECONNRESET);
		if (k <= 0) return; /* it has closed already */
		at += (size_t)k;
	}
}

struct answer {
	int status;
	bool closes;
	struct fz body;
};

/* Takes one answer; false, and nothing is taken: it is not all there. */
static bool take_answer(struct fz *from, bool head, struct answer *a)
{
	struct fz z = *from;
	size_t length = 0;

	*a = (struct answer){0};
	for (bool first = true;; first = false) {
		if (!z.n || !memchr(z.p, '\n', z.n)) return false;
		struct fz line = fz_until(&z, '\n');
		FZ_CHECK(line.n && line.p[line.n - 1] == '\r');
		sp_autofree char *s = fz_text(line.p, line.n - 1);
		if (first) {
			FZ_CHECK(strncmp(s, "HTTP/1.", 7) == 0 && s[8] == ' ');
			a->status = atoi(s + 9);
			FZ_CHECK(a->status >= 100 && a->status < 600);
		}
		if (!first && !*s) break;
		if (strncasecmp(s, "Content-Length: ", 16) == 0) length = strtoul(s + 16, NULL, 10);
		if (strcasecmp(s, "Connection: close") == 0) a->closes = true;
	}
	if (a->status < 200 || head) length = 0;
	if (length > z.n) return false;
	a->body = (struct fz){z.p, length};
	z.p += length;
	z.n -= length;
	*from = z;
	return a->status >= 200 || take_answer(from, head, a);
}

/* ---- both */

struct request {
	enum outcome o;
	bool head; /* the answer's body is not looked at */
	struct fz dump; /* owned copy */
};

struct script {
	struct sp_buf sent;
	struct request list[REQUESTS_MAX + 1]; /* the last one is not WHOLE, or nothing follows it */
	unsigned n;
};

/* What is sent, without the cuts, and what it means. */
static void read_script(struct fz z, struct script *s)
{
	sp_buf_init(&s->sent, z.n + sizeof last);
	s->n = 0;
	while (z.n) {
		struct fz piece = fz_until(&z, 0xff);
		sp_buf_add(&s->sent, piece.p, piece.n);
	}
	sp_buf_adds(&s->sent, last);
	struct reading r = {.p = s->sent.data, .n = s->sent.len};
	sp_buf_init(&r.dump, 4 * s->sent.len + 256);
	for (enum outcome o = WHOLE; o == WHOLE && r.at < r.n && s->n <= REQUESTS_MAX;) {
		o = read_request(&r);
		s->list[s->n++] = (struct request){.o = o,
		        .head = o != WHOLE || strcmp(r.method, "HEAD") == 0,
		        .dump = {fz_exact(r.dump.data, r.dump.len), r.dump.len}};
	}
	sp_buf_fini(&r.dump);
}

/* Sends it, and reads until the server has closed; or, if the end is a body that is cut, which the server may wait for, until the answers to all that is before it are there. */
static void exchange(struct fz z, const struct script *s, struct sp_buf *got)
{
	int fd = connect_client();
	bool cut = s->list[s->n - 1].o == CUT, more = true;

	while (z.n) {
		struct fz piece = fz_until(&z, 0xff);
		send_all(fd, piece.p, piece.n);
	}
	send_all(fd, last, strlen(last));
	if (!cut) shutdown(fd, SHUT_WR);
	while (more) {
		struct fz g = {(const uint8_t *)got->data, got->len};
		struct answer a;
		unsigned n = 0;
		while (n < s->n && take_answer(&g, s->list[n].head, &a)) n++;
		if (cut && n >= s->n - 1) break;
		more = receive(fd, got);
	}
	close(fd);
}

static void check_answers(const struct script *s, struct fz z)
{
	struct answer a;
	bool closed = false;

	for (unsigned i = 0; !closed && i < s->n; i++) {
		const struct request *q = &s->list[i];
		if (!take_answer(&z, q->head, &a)) {
			FZ_CHECK(i > 0 || q->o != WHOLE);
			break;
		}
		closed = a.closes || q->o != WHOLE;
		FZ_CHECK(a.status != 500);
		if (q->o == WRONG || q->o == LAX) FZ_CHECK(a.closes);
		if (a.status != 200 || q->o == LAX) continue;
		FZ_CHECK(q->o == WHOLE);
		if (!q->head) FZ_CHECK(a.body.n == q->dump.n && memcmp(a.body.p, q->dump.p, q->dump.n) == 0);
	}
	/* After the last answer the library may say more: it says twice that a Content-Length is wrong. */
	FZ_CHECK(z.n == 0 || closed || s->list[s->n - 1].o == CUT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fz z = {data, size};
	static struct script s;
	struct sp_buf got;

	read_script(z, &s);
	if (s.n <= REQUESTS_MAX) {
		sp_buf_init(&got, ANSWER_MAX);
		exchange(z, &s, &got);
		check_answers(&s, (struct fz){(const uint8_t *)got.data, got.len});
		sp_buf_fini(&got);
	}
	for (unsigned i = 0; i < s.n; i++) free((void *)(uintptr_t)s.list[i].dump.p);
	sp_buf_fini(&s.sent);
	return 0;
}
