/* SPDX-License-Identifier: MIT */
/* Output of a step in order of arrival, and which piece is which stream (the format is told in result.h). */
#include <stdio.h>
#include <string.h>

#include "core/result.h"

#define STREAM_BIT 0x80000000u
#define LENGTH_MAX 0x7fffffffu

static uint32_t get_le32(const char *p)
{
	unsigned char b[4];
	memcpy(b, p, sizeof(b));
	return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static void put_le32(char *p, uint32_t v)
{
	unsigned char b[4] = {(unsigned char)v, (unsigned char)(v >> 8), (unsigned char)(v >> 16), (unsigned char)(v >> 24)};
	memcpy(p, b, sizeof(b));
}

void sp_output_init(struct sp_output *o, int64_t output_bytes)
{
	size_t n = output_bytes > 0 ? (size_t)output_bytes * 2 : 1;

	sp_buf_init(&o->bytes, n);
	/* The worst that can be: each byte is of another stream than the one before. */
	sp_buf_init(&o->segments, n * 4);
}

void sp_output_fini(struct sp_output *o)
{
	sp_buf_fini(&o->bytes);
	sp_buf_fini(&o->segments);
}

void sp_output_add(void *cls, enum sp_stream stream, const char *p, size_t n)
{
	struct sp_output *o = cls;
	uint32_t bit = stream == SP_STDERR ? STREAM_BIT : 0;
	size_t at = o->segments.len;

	if (n == 0 || sp_buf_add(&o->bytes, p, n)) return;
	if (at >= 4) {
		uint32_t last = get_le32(o->segments.data + at - 4), length = last & LENGTH_MAX;
		if ((last & STREAM_BIT) == bit && n <= LENGTH_MAX - length) {
			put_le32(o->segments.data + at - 4, bit | (uint32_t)(length + n));
			return;
		}
	}
	char le[4];
	put_le32(le, bit | (uint32_t)n);
	/* What no segment tells of must not stay: the two have to fit each other. */
	if (sp_buf_add(&o->segments, le, sizeof(le))) o->bytes.len -= n;
}

int sp_output_stream(const struct sp_bytes *output, const struct sp_bytes *segments, enum sp_stream stream, struct sp_buf *out)
{
	uint32_t bit = stream == SP_STDERR ? STREAM_BIT : 0;
	size_t at = 0;

	if (segments->n % 4) return -1;
	for (size_t i = 0; i < segments->n; i += 4) {
		uint32_t s = get_le32(segments->p + i);
		size_t n = s & LENGTH_MAX;
		if (n > output->n - at) return -1;
		if ((s & STREAM_BIT) == bit && sp_buf_add(out, output->p + at, n)) return -1;
		at += n;
	}
	return at == output->n ? 0 : -1;
}

/* ---- comparing ---- */

/* The end of the text without trailing newlines and blanks. */
static size_t trimmed_end(const struct sp_bytes *b)
{
	size_t n = b->n;
	while (n && strchr(" \t\r\n\v\f", b->p[n - 1]) && b->p[n - 1]) n--;
	return n;
}

/* The line that begins at `at`, without its newline and trailing blanks; *next is where the following one begins. */
static size_t line_length(const struct sp_bytes *b, size_t end, size_t at, size_t *next)
{
	const char *nl = at < end ? memchr(b->p + at, '\n', end - at) : NULL;
	size_t stop = nl ? (size_t)(nl - b->p) : end;

	*next = nl ? stop + 1 : end;
	while (stop > at && (b->p[stop - 1] == ' ' || b->p[stop - 1] == '\t' || b->p[stop - 1] == '\r')) stop--;
	return stop - at;
}

bool sp_output_equal(const struct sp_bytes *got, const struct sp_bytes *want, bool exact)
{
	if (exact) return got->n == want->n && (got->n == 0 || memcmp(got->p, want->p, got->n) == 0);

	size_t gend = trimmed_end(got), wend = trimmed_end(want), g = 0, w = 0;
	while (g < gend && w < wend) {
		size_t gnext, wnext, glen = line_length(got, gend, g, &gnext), wlen = line_length(want, wend, w, &wnext);
		if (glen != wlen || memcmp(got->p + g, want->p + w, glen) != 0) return false;
		g = gnext;
		w = wnext;
	}
	return g >= gend && w >= wend;
}

/* ---- signals ---- */

const char *sp_signal_name(int sig)
{
	static const char *const names[] = {NULL, "SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS", "SIGFPE",
	        "SIGKILL", "SIGUSR1", "SIGSEGV", "SIGUSR2", "SIGPIPE", "SIGALRM", "SIGTERM", "SIGSTKFLT", "SIGCHLD", "SIGCONT", "SIGSTOP",
	        "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGURG", "SIGXCPU", "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO", "SIGPWR",
	        "SIGSYS"};
	static __thread char other[16];

	size_t i = (size_t)(unsigned)sig;
	if (i != 0 && i < SP_COUNT(names)) return names[i];
	snprintf(other, sizeof(other), "SIG%d", sig);
	return other;
}
