/* SPDX-License-Identifier: MIT */
/* Bodies of answers, which several answers may share, and the account of what bodies take in memory. */
#include "base/mem.h"
#include "http/internal.h"

/* So little is not counted: an answer that says that there is no room must always be possible. */
#define UNCOUNTED (4u << 10)
/* So much of the bound is kept for what is small, one in so many: a few clients who do not read large answers, or send large bodies slowly, shut out nobody who wants little. */
#define KEPT 4

struct sp_http_text {
	atomic_int refs;
	struct sp_http_server *charged; /* with a reference; NULL: not counted (yet) */
	char *data;
	size_t n;
};

/* whole: the size of what n is a part of, as far as that is known. */
static bool has_room(const struct sp_http_server *s, size_t used, size_t n, size_t whole)
{
	size_t max = s->opt.memory_max;

	/* What is alone may be larger than the bound: else it could never be had. */
	if (!max || !used) return true;
	if (whole > SP_HTTP_SMALL) max -= max / KEPT;
	return used <= max && n <= max - used;
}

bool sp_http_memory_fits(struct sp_http_server *s, size_t n) { return has_room(s, atomic_load(&s->memory), n, n); }

bool sp_http_memory_take(struct sp_http_server *s, size_t n, size_t whole)
{
	size_t used = atomic_load(&s->memory);

	do {
		if (!has_room(s, used, n, whole)) return false;
	} while (!atomic_compare_exchange_weak(&s->memory, &used, used + n));
	return true;
}

void sp_http_memory_give(struct sp_http_server *s, size_t n) { atomic_fetch_sub(&s->memory, n); }

struct sp_http_text *sp_http_text_new(char *data, size_t n)
{
	struct sp_http_text *t = sp_new(struct sp_http_text);

	atomic_init(&t->refs, 1);
	t->data = data;
	t->n = n;
	return t;
}

void sp_http_text_unref(struct sp_http_text *t)
{
	if (!t || atomic_fetch_sub(&t->refs, 1) > 1) return;
	free(t->data);
	if (t->charged) {
		sp_http_memory_give(t->charged, t->n);
		sp_http_server_unref(t->charged);
	}
	free(t);
}

const char *sp_http_text_data(const struct sp_http_text *t, size_t *n)
{
	*n = t->n;
	return t->data;
}

bool sp_http_text_charge(struct sp_http_text *t, struct sp_http_server *s)
{
	if (t->charged || t->n <= UNCOUNTED) return true;
	if (!sp_http_memory_take(s, t->n, t->n)) return false;
	atomic_fetch_add(&s->refs, 1);
	t->charged = s;
	return true;
}

static void sent(void *text) { sp_http_text_unref(text); }

struct MHD_Response *sp_http_text_response(struct sp_http_text *t)
{
	if (!t->n) return MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
	atomic_fetch_add(&t->refs, 1);
	return MHD_create_response_from_buffer_with_free_callback_cls(t->n, t->data, sent, t);
}
