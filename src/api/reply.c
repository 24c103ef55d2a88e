/* SPDX-License-Identifier: MIT */
/* How an answer in JSON is made. */
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "api/internal.h"
#include "api/legacy.h"
#include "base/buf.h"
#include "base/mem.h"

static void add_common(struct sp_http_request *r)
{
	sp_http_add_header(r, "Cache-Control", "no-store");
	sp_http_add_header(r, "X-Content-Type-Options", "nosniff");
}

static int add_piece(const char *p, size_t n, void *buf) { return sp_buf_add(buf, p, n); }

/* A control character of an output is six bytes of JSON, and an output is there three times (output, stdout, stderr), as itself, as jansson's texts and as the answer. */
#define LARGE (64u << 10)
#define LARGE_TOGETHER (8u << 20)

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint64_t next, turn; /* in order of arrival, or large ones would wait for ever behind smaller ones */
	size_t bytes;
} large = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

size_t sp_api_large_begin(const struct sp_evaluation_data *d)
{
	size_t n = d->output.n + d->compile_output.n;

	if (n <= LARGE) return 0;
	pthread_mutex_lock(&large.lock);
	uint64_t mine = large.next++;
	/* One that is alone may be larger. */
	while (mine != large.turn || (large.bytes && large.bytes + n > LARGE_TOGETHER)) pthread_cond_wait(&large.changed, &large.lock);
	large.turn++;
	large.bytes += n;
	pthread_cond_broadcast(&large.changed);
	pthread_mutex_unlock(&large.lock);
	return n;
}

void sp_api_large_end(size_t n)
{
	if (!n) return;
	pthread_mutex_lock(&large.lock);
	large.bytes -= n;
	pthread_cond_broadcast(&large.changed);
	pthread_mutex_unlock(&large.lock);
}

struct sp_http_text *sp_api_render(json_t *body)
{
	struct sp_buf b;
	size_t n;

	/* In one pass: the texts in it can be large, and finding out their length costs as much as writing them. */
	sp_buf_init(&b, SIZE_MAX / 4);
	bool ok = json_dump_callback(body, add_piece, &b, SP_JSON_DUMP_FLAGS) == 0 && sp_buf_add(&b, "\n", 1) == 0;
	json_decref(body);
	if (!ok) {
		sp_buf_fini(&b);
		return NULL;
	}
	char *text = sp_buf_steal(&b, &n);
	return sp_http_text_new(text, n);
}

void sp_api_reply_rendered(struct sp_http_request *r, int status, struct sp_http_text *t)
{
	add_common(r);
	if (!t) {
		static const char none[] = "{\"error\":{\"code\":\"overloaded\",\"message\":\"there is no memory for the "
		                           "answer\",\"field\":null,\"value\":null,\"limit\":null,\"request_id\":null,\"more\":[]}}\n";
		sp_http_add_header(r, "Retry-After", "1");
		sp_http_reply_static(r, 503, "application/json", none, sizeof(none) - 1);
		return;
	}
	sp_http_reply_text(r, status, "application/json", t);
}

void sp_api_reply_text(struct sp_http_request *r, int status, const char *content_type, struct sp_http_text *t)
{
	add_common(r);
	sp_http_reply_text(r, status, content_type, t);
}

void sp_api_reply_json(struct sp_http_request *r, int status, json_t *body)
{
	struct sp_http_text *t = sp_api_render(body);

	sp_api_reply_rendered(r, status, t);
	sp_http_text_unref(t);
}

void sp_api_reply_problems(struct sp_http_request *r, struct sp_problems *ps)
{
	int status = ps->list[0].http_status;
	if (sp_legacy_path(sp_http_path(r))) {
		char text[sizeof(ps->list[0].message) + 40];
		snprintf(text, sizeof(text), "%s%s", status == 422 ? "The evaluation was not created: " : "", ps->list[0].message);
		sp_problems_fini(ps);
		if (status == 503) sp_http_add_header(r, "Retry-After", "1");
		sp_legacy_error(r, status, text);
		return;
	}
	json_t *body = sp_problems_json(ps, sp_http_request_id(r));
	bool language = !strcmp(ps->list[0].code, "language_unavailable");

	sp_problems_fini(ps);
	/* A language comes back when somebody mends the host; the rest is load, which passes. */
	if (status == 503) sp_http_add_header(r, "Retry-After", language ? "30" : "1");
	sp_api_reply_json(r, status, body);
}

void sp_api_reply_problem(struct sp_http_request *r, int status, const char *code, const char *fmt, ...)
{
	struct sp_problems ps = {0};
	char text[sizeof(ps.list[0].message)];
	va_list ap;

	va_start(ap, fmt);
	if (vsnprintf(text, sizeof(text), fmt, ap) < 0) text[0] = '\0';
	va_end(ap);
	sp_problem_add(&ps, status, code, NULL, NULL, NULL, "%s", text);
	sp_api_reply_problems(r, &ps);
}

struct query_check {
	const char *const *known;
	struct sp_problems ps;
};

static bool check_parameter(void *cls, const char *name, const char *value)
{
	struct query_check *q = cls;
	char field[160];

	for (const char *const *k = q->known; *k; k++) {
		if (!strcmp(*k, name)) return true;
	}
	snprintf(field, sizeof(field), "?%s", name);
	sp_problem_add(&q->ps, 422, "unknown_field", field, NULL, NULL,
	        q->known[0] ? "there is no query parameter '%s' here; known: %s%s%s"
	                    : "there is no query parameter '%s' here; none is known",
	        name, q->known[0] ? q->known[0] : "", q->known[0] && q->known[1] ? ", " : "",
	        q->known[0] && q->known[1] ? q->known[1] : "");
	return true;
}

bool sp_api_check_query(struct sp_http_request *r, const char *const *known)
{
	struct query_check q = {.known = known};

	sp_http_each_query(r, check_parameter, &q);
	if (q.ps.n == 0) return true;
	sp_api_reply_problems(r, &q.ps);
	return false;
}
