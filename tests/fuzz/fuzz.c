/* SPDX-License-Identifier: MIT */
#include "fuzz.h"

#include <poll.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/text.h"

#define FDS_LOOKED_AT 512

void fz_failed(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
	abort();
}

uint8_t fz_u8(struct fz *z)
{
	if (!z->n) return 0;
	z->n--;
	return *z->p++;
}

uint32_t fz_u32(struct fz *z)
{
	uint32_t v = 0;
	for (unsigned i = 0; i < 4; i++) v |= (uint32_t)fz_u8(z) << 8 * i;
	return v;
}

uint64_t fz_u64(struct fz *z)
{
	uint64_t low = fz_u32(z);
	return low | (uint64_t)fz_u32(z) << 32;
}

bool fz_flag(struct fz *z) { return fz_u8(z) & 1; }

static struct fz take(struct fz *z, size_t n)
{
	if (n > z->n) n = z->n;
	struct fz piece = {z->p, n};
	if (n) z->p += n;
	z->n -= n;
	return piece;
}

struct fz fz_piece(struct fz *z, size_t max, bool wide)
{
	size_t n = fz_u8(z);
	if (wide) n |= (size_t)fz_u8(z) << 8;
	return take(z, n > max ? max : n);
}

struct fz fz_until(struct fz *z, uint8_t end)
{
	const uint8_t *at = z->n ? memchr(z->p, end, z->n) : NULL;
	struct fz piece = take(z, at ? (size_t)(at - z->p) : z->n);
	if (at) take(z, 1);
	return piece;
}

void *fz_exact(const void *p, size_t n)
{
	char *q = malloc(n ? n : 1);
	if (!q) abort();
	if (n) memcpy(q, p, n);
	return q;
}

char *fz_text(const void *p, size_t n) { return sp_memdup0(p, n); }

void fz_check_message(const char *s)
{
	FZ_CHECK(s && *s);
	FZ_CHECK(sp_utf8_valid(s, strlen(s)));
}

size_t fz_open_fds(int from, int *out, size_t max)
{
	struct pollfd all[FDS_LOOKED_AT];
	size_t n = 0;

	for (int i = 0; i < FDS_LOOKED_AT; i++) all[i] = (struct pollfd){.fd = from + i};
	if (poll(all, FDS_LOOKED_AT, 0) < 0) fz_failed(__FILE__, __LINE__, "poll");
	for (size_t i = 0; i < FDS_LOOKED_AT; i++)
		if (n < max && !(all[i].revents & POLLNVAL)) out[n++] = all[i].fd;
	return n;
}
