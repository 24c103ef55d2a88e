/* SPDX-License-Identifier: MIT */
#include "base/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void sp_out_of_memory(void)
{
	static const char text[] = "serapis: out of memory\n";

	/* Nothing that could allocate; whether it is seen does not matter any more. */
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0) abort();
	abort();
}

void *sp_alloc(size_t n)
{
	void *p = malloc(n ? n : 1);
	if (!p) sp_out_of_memory();
	return p;
}

void *sp_calloc(size_t n, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(n, size, &total)) sp_out_of_memory();
	/* calloc(0) may answer NULL, which callers of an allocator that never fails do not expect. */
	void *p = calloc(1, total ? total : 1);
	if (!p) sp_out_of_memory();
	return p;
}

void *sp_realloc(void *p, size_t n, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(n, size, &total)) sp_out_of_memory();
	/* realloc(p, 0) would free p and answer NULL. */
	void *q = realloc(p, total ? total : 1);
	if (!q) sp_out_of_memory();
	return q;
}

char *sp_strdup(const char *s) { return s ? sp_memdup0(s, strlen(s)) : NULL; }

char *sp_memdup0(const void *p, size_t n)
{
	if (n == SIZE_MAX) sp_out_of_memory();
	char *q = malloc(n + 1);
	if (!q) sp_out_of_memory();
	if (n) memcpy(q, p, n);
	q[n] = '\0';
	return q;
}

char *sp_asprintf(const char *fmt, ...)
{
	char *s = NULL;
	va_list ap;

	va_start(ap, fmt);
	int n = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (n < 0) sp_out_of_memory();
	return s;
}

void *sp_try_alloc(size_t n) { return malloc(n ? n : 1); }
