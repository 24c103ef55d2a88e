/* SPDX-License-Identifier: MIT */
/* A request as handlers see it, and its one answer. Phases and who may touch what when: server.c. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"
#include "http/internal.h"

struct sp_http_request *sp_http_request_new(struct sp_http_server *s)
{
	struct sp_http_request *r = sp_new(struct sp_http_request);
	r->s = s;
	atomic_fetch_add(&s->refs, 1);
	atomic_init(&r->refs, 1);
	r->start_ns = sp_mono_ns();
	sp_random_text(r->id, sizeof(r->id));
	return r;
}

static void drop_extra(struct sp_http_request *r)
{
	while (r->nextra) {
		struct sp_http_field *f = &r->extra[--r->nextra];
		free((char *)(uintptr_t)f->name);
		free((char *)(uintptr_t)f->value);
	}
}

void sp_http_drop_body(struct sp_http_request *r)
{
	sp_buf_fini(&r->body);
	sp_http_memory_give(r->s, r->body_charged);
	r->body_charged = 0;
}

void sp_http_request_unref(struct sp_http_request *r)
{
	if (atomic_fetch_sub(&r->refs, 1) > 1) return;
	if (r->response) MHD_destroy_response(r->response);
	drop_extra(r);
	sp_http_target_fini(&r->target);
	sp_http_params_fini(&r->params);
	free(r->fields);
	sp_http_drop_body(r);
	sp_buf_fini(&r->raw_out);
	sp_http_server_unref(r->s);
	free(r);
}

const char *sp_http_method(const struct sp_http_request *r) { return r->method; }
const char *sp_http_path(const struct sp_http_request *r) { return r->target.path ? r->target.path : ""; }
const struct sp_http_route *sp_http_route_of(const struct sp_http_request *r) { return r->route; }
const struct sockaddr *sp_http_peer(const struct sp_http_request *r) { return (const struct sockaddr *)&r->addr; }
const char *sp_http_request_id(const struct sp_http_request *r) { return r->id; }

void sp_http_set_note(struct sp_http_request *r, enum sp_http_note what, const char *text)
{
	snprintf(r->notes[what], sizeof(r->notes[what]), "%s", text);
}

const char *sp_http_note(const struct sp_http_request *r, enum sp_http_note what) { return r->notes[what][0] ? r->notes[what] : NULL; }

const char *sp_http_param(const struct sp_http_request *r, const char *name)
{
	for (size_t i = 0; i < r->params.n; i++) {
		if (!strcmp(r->params.list[i].name, name)) return r->params.list[i].value;
	}
	return NULL;
}

const char *sp_http_query(const struct sp_http_request *r, const char *name)
{
	for (size_t i = 0; i < r->target.nquery; i++) {
		if (!strcmp(r->target.query[i].name, name)) return r->target.query[i].value;
	}
	return NULL;
}

void sp_http_each_query(const struct sp_http_request *r, bool (*fn)(void *cls, const char *name, const char *value), void *cls)
{
	for (size_t i = 0; i < r->target.nquery; i++) {
		if (!fn(cls, r->target.query[i].name, r->target.query[i].value)) return;
	}
}

const char *sp_http_header(const struct sp_http_request *r, const char *name)
{
	for (size_t i = 0; i < r->nfields; i++) {
		if (!strcasecmp(r->fields[i].name, name)) return r->fields[i].value;
	}
	return NULL;
}

void sp_http_each_header(const struct sp_http_request *r, bool (*fn)(void *cls, const char *name, const char *value), void *cls)
{
	for (size_t i = 0; i < r->nfields; i++) {
		if (!fn(cls, r->fields[i].name, r->fields[i].value)) return;
	}
}

const char *sp_http_body(const struct sp_http_request *r, size_t *n)
{
	*n = r->body.len;
	return r->body.data ? r->body.data : "";
}

static bool is_clean(const char *s)
{
	for (; *s; s++) {
		if (((unsigned char)*s < 0x20 && *s != '\t') || *s == 0x7f) return false;
	}
	return true;
}

void sp_http_add_header(struct sp_http_request *r, const char *name, const char *value)
{
	if (!is_clean(name) || !is_clean(value)) return;
	for (size_t i = 0; i < r->nextra; i++) {
		if (strcasecmp(r->extra[i].name, name) != 0) continue;
		free((char *)(uintptr_t)r->extra[i].value);
		r->extra[i].value = sp_strdup(value);
		return;
	}
	SP_BUG_ON(r->nextra == SP_COUNT(r->extra));
	r->extra[r->nextra++] = (struct sp_http_field){.name = sp_strdup(name), .value = sp_strdup(value)};
}

static void render_raw(struct sp_http_request *r, int status, const char *content_type, const void *body, size_t n)
{
	struct sp_buf *b = &r->raw_out;
	sp_buf_init(b, (64u << 10) + n);
	sp_buf_printf(b, "HTTP/1.1 %d %s\r\nConnection: close\r\nContent-Length: %zu\r\nX-Request-Id: %s\r\n", status,
	        MHD_get_reason_phrase_for((unsigned)status), n, r->id);
	if (content_type) sp_buf_printf(b, "Content-Type: %s\r\n", content_type);
	for (size_t i = 0; i < r->nextra; i++) sp_buf_printf(b, "%s: %s\r\n", r->extra[i].name, r->extra[i].value);
	sp_buf_adds(b, "\r\n");
	sp_buf_add(b, body, n);
	r->status = status;
}

/* The library refuses some values, too; only for want of memory may none be missing: some keep browsers from taking output for a page. */
static void put_header(struct MHD_Response *m, const char *name, const char *value)
{
	errno = 0;
	if (MHD_add_response_header(m, name, value) != MHD_YES && errno == ENOMEM) sp_out_of_memory();
}

static void complete_response(struct sp_http_request *r, struct MHD_Response *m, const char *content_type)
{
	if (!m) sp_out_of_memory();
	if (content_type) put_header(m, "Content-Type", content_type);
	put_header(m, "X-Request-Id", r->id);
	for (size_t i = 0; i < r->nextra; i++) put_header(m, r->extra[i].name, r->extra[i].value);
}

static void answer(struct sp_http_request *r, int status, struct MHD_Response *m)
{
	struct sp_http_server *s = r->s;

	pthread_mutex_lock(&s->mu);
	if (r->phase == SP_HTTP_READING) {
		/* A fault or the gate: we are inside the library's call, which sends it when we return. */
		SP_BUG_ON(r->response);
		r->response = m;
		r->status = status;
		pthread_mutex_unlock(&s->mu);
		return;
	}
	SP_BUG_ON(r->phase == SP_HTTP_ANSWERED);
	if (r->phase == SP_HTTP_OWNED) {
		/* Gives up the lock if it must wait for on_gone, and the server may stop meanwhile: so the phase is looked at again. */
		sp_http_watch_remove(s, r);
	}
	if (r->phase == SP_HTTP_OWNED) {
		r->phase = SP_HTTP_ANSWERED;
		r->response = m;
		r->status = status;
		*r->live_at = r->live_next;
		if (r->live_next) r->live_next->live_at = r->live_at;
		MHD_resume_connection(r->mc);
		m = NULL;
	}
	pthread_mutex_unlock(&s->mu);
	if (m) MHD_destroy_response(m);
	sp_http_request_unref(r);
}

void sp_http_reply_text(struct sp_http_request *r, int status, const char *content_type, struct sp_http_text *t)
{
	if (r->raw) {
		size_t n;
		const char *p = sp_http_text_data(t, &n);
		render_raw(r, status, content_type, p, n);
		return;
	}
	if (!r->no_room && !sp_http_text_charge(t, r->s)) {
		r->no_room = true;
		drop_extra(r);
		r->s->opt.fault(
		        r, SP_HTTP_OVERLOADED, 0, "there is no room for the answer: too much waits to be read by others", r->s->opt.cls);
		return;
	}
	struct MHD_Response *m = sp_http_text_response(t);
	complete_response(r, m, content_type);
	answer(r, status, m);
}

void sp_http_reply(struct sp_http_request *r, int status, const char *content_type, char *body, size_t n)
{
	struct sp_http_text *t = sp_http_text_new(body, n);

	sp_http_reply_text(r, status, content_type, t);
	sp_http_text_unref(t);
}

void sp_http_reply_static(struct sp_http_request *r, int status, const char *content_type, const void *body, size_t n)
{
	if (r->raw) {
		render_raw(r, status, content_type, body, n);
		return;
	}
	/* The library's parameter lacks a const; with PERSISTENT it only reads. */
	struct MHD_Response *m = MHD_create_response_from_buffer(n, (void *)(uintptr_t)body, MHD_RESPMEM_PERSISTENT);
	complete_response(r, m, content_type);
	answer(r, status, m);
}

bool sp_http_reserve(struct sp_http_request *r, struct sp_http_text *t)
{
	/* What was kept of the body is in the answer now. */
	if (!r->body.data) sp_http_drop_body(r);
	return sp_http_text_charge(t, r->s);
}

void sp_http_hold(struct sp_http_request *r, bool keep_room, void (*on_gone)(struct sp_http_request *r, void *cls), void *cls)
{
	struct sp_http_server *s = r->s;

	/* Thousands may be held for a minute; what they brought has been read. */
	if (keep_room)
		sp_buf_fini(&r->body);
	else
		sp_http_drop_body(r);
	if (!on_gone) return;
	pthread_mutex_lock(&s->mu);
	r->on_gone = on_gone;
	r->gone_cls = cls;
	if (r->phase == SP_HTTP_OWNED) sp_http_watch_add(s, r);
	pthread_mutex_unlock(&s->mu);
}

void sp_http_fault_raw(
        struct sp_http_server *s, int fd, const struct sp_http_request *about, enum sp_http_fault fault, int64_t limit, const char *text)
{
	struct sp_http_request *q = sp_http_request_new(s);

	q->raw = true;
	if (about) {
		memcpy(q->id, about->id, sizeof(q->id));
		q->target.path = q->target.text = sp_strdup(sp_http_path(about));
		q->addr = about->addr;
	}
	s->opt.fault(q, fault, limit, text, s->opt.cls);
	SP_BUG_ON(!q->status);
	/* One attempt: whoever does not even have room for this has no claim to it. */
	if (!q->raw_out.failed) (void)!send(fd, q->raw_out.data, q->raw_out.len, MSG_DONTWAIT | MSG_NOSIGNAL);
	sp_http_request_unref(q);
}
