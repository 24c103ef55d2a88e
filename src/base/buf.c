/* SPDX-License-Identifier: MIT */
#include "base/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

#define FIRST_CAP 128

void sp_buf_init(struct sp_buf *b, size_t max)
{
	SP_BUG_ON(max < 1);
	/* One more byte than max must be countable: the terminating NUL. */
	*b = (struct sp_buf){._max = max < SIZE_MAX ? max : SIZE_MAX - 1};
}

void sp_buf_fini(struct sp_buf *b)
{
	free(b->data);
	*b = (struct sp_buf){0};
}

static char *fail(struct sp_buf *b)
{
	b->failed = true;
	return NULL;
}

char *sp_buf_reserve(struct sp_buf *b, size_t n)
{
	if (b->failed || n > b->_max - b->len) return fail(b);
	size_t need = b->len + n + 1;
	if (need > b->_cap) {
		size_t cap = b->_cap ? b->_cap : FIRST_CAP;
		while (cap < need) cap = cap > SIZE_MAX / 2 ? need : cap * 2;
		if (cap > b->_max + 1) cap = b->_max + 1;
		char *p = realloc(b->data, cap);
		if (!p) return fail(b);
		b->data = p;
		b->_cap = cap;
		p[b->len] = '\0';
	}
	return b->data + b->len;
}

void sp_buf_commit(struct sp_buf *b, size_t n)
{
	SP_BUG_ON(n && n >= b->_cap - b->len);
	if (!b->data) return;
	b->len += n;
	b->data[b->len] = '\0';
}

int sp_buf_add(struct sp_buf *b, const void *p, size_t n)
{
	char *to = sp_buf_reserve(b, n);

	if (!to) return -1;
	if (n) memcpy(to, p, n);
	sp_buf_commit(b, n);
	return 0;
}

int sp_buf_adds(struct sp_buf *b, const char *s) { return sp_buf_add(b, s, strlen(s)); }

int sp_buf_printf(struct sp_buf *b, const char *fmt, ...)
{
	va_list ap, again;
	int rc = -1;

	if (!sp_buf_reserve(b, 0)) return -1;
	va_start(ap, fmt);
	va_copy(again, ap);
	size_t room = b->_cap - b->len;
	int n = vsnprintf(b->data + b->len, room, fmt, ap);
	if (n < 0) {
		b->failed = true;
	} else if ((size_t)n < room) {
		rc = 0;
	} else if (sp_buf_reserve(b, (size_t)n)) {
		vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
		rc = 0;
	}
	va_end(again);
	va_end(ap);

	if (rc == 0)
		b->len += (size_t)n;
	else
		b->data[b->len] = '\0'; /* the first try may have written a part */
	return rc;
}

char *sp_buf_steal(struct sp_buf *b, size_t *len)
{
	char *p = b->data ? sp_steal(&b->data) : sp_memdup0("", 0);

	if (len) *len = b->len;
	b->len = b->_cap = 0;
	return p;
}
