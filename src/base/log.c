/* SPDX-License-Identifier: MIT */
/*
 * A line is built on the stack and is never longer than PIPE_BUF: a log line must be possible when memory is not, and lines of several
 * processes that share one pipe (the service and its boxes) do not tear each other apart. A value that is too long is cut with an ellipsis; a
 * field that has no room any more is left out as a whole and the line says "truncated", so that a line is always complete JSON.
 */
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"

#define LINE_MAX_ 4096 /* PIPE_BUF */
#define VALUE_MAX 1024 /* of one string, as written */
#define WAIT_MS 100 /* for a reader that is slow; a service that stands still for its log is worse than a log with a hole, which says so */
#define TAIL_ROOM 32 /* for the mark of truncation, the end and the newline */

struct line {
	size_t n;
	bool full;
	char p[LINE_MAX_];
};

static atomic_int least_level = SP_LOG_INFO;
static bool as_text;
static pthread_mutex_t write_lock = PTHREAD_MUTEX_INITIALIZER;
static int64_t lost; /* lines since the last that was written; under write_lock */

static const struct {
	const char *name, *shown;
} levels[] = {[SP_LOG_DEBUG] = {"debug", "DEBUG"},
        [SP_LOG_INFO] = {"info", "INFO "},
        [SP_LOG_WARN] = {"warn", "WARN "},
        [SP_LOG_ERROR] = {"error", "ERROR"}};

void sp_log_set_level(enum sp_log_level least)
{
	SP_BUG_ON((unsigned)least >= SP_COUNT(levels));
	atomic_store_explicit(&least_level, (int)least, memory_order_relaxed);
}

void sp_log_setup(enum sp_log_level least, bool json)
{
	sp_log_set_level(least);
	as_text = !json && isatty(STDERR_FILENO) == 1;
}

bool sp_log_level_parse(const char *name, enum sp_log_level *out)
{
	for (size_t i = 0; i < SP_COUNT(levels); i++) {
		if (strcmp(name, levels[i].name) != 0) continue;
		*out = (enum sp_log_level)i;
		return true;
	}
	return false;
}

bool sp_log_on(enum sp_log_level level) { return (int)level >= atomic_load_explicit(&least_level, memory_order_relaxed); }

static void put(struct line *l, const char *p, size_t n)
{
	if (l->full || n > sizeof(l->p) - TAIL_ROOM - l->n) {
		l->full = true;
		return;
	}
	memcpy(l->p + l->n, p, n);
	l->n += n;
}

static void puts_(struct line *l, const char *s) { put(l, s, strlen(s)); }

/* What one character becomes inside quotes. Controls are escaped up to U+009F: in the text form they would reach somebody's terminal. */
static size_t escape(char out[8], const char *s, size_t n, size_t *taken)
{
	static const char hex[] = "0123456789abcdef";
	static const char shorts[] = "btn?fr"; /* from U+0008 on; there is none for U+000B */
	bool ok;
	size_t len = sp_utf8_next(s, n, &ok);
	unsigned char c = (unsigned char)s[0], c2 = len == 2 ? (unsigned char)s[1] : 0;

	*taken = len;
	if (!ok) {
		out[0] = '\xef';
		out[1] = '\xbf';
		out[2] = '\xbd';
		return 3;
	}
	out[0] = '\\';
	if (c == '"' || c == '\\') {
		out[1] = (char)c;
		return 2;
	}
	if (c >= 8 && c <= 13 && c != 11) {
		out[1] = shorts[c - 8];
		return 2;
	}
	if (c < 0x20 || c == 0x7f || (c == 0xc2 && c2 < 0xa0)) {
		unsigned char code = c == 0xc2 ? c2 : c;
		out[1] = 'u';
		out[2] = out[3] = '0';
		out[4] = hex[code >> 4];
		out[5] = hex[code & 15];
		return 6;
	}
	memcpy(out, s, len);
	return len;
}

static void put_quoted(struct line *l, const char *s)
{
	size_t n = strlen(s), written = 0;

	put(l, "\"", 1);
	while (n) {
		char e[8];
		size_t taken, len = escape(e, s, n, &taken);
		if (written + len > VALUE_MAX) {
			puts_(l, "\xe2\x80\xa6");
			break;
		}
		put(l, e, len);
		written += len;
		s += taken;
		n -= taken;
	}
	put(l, "\"", 1);
}

/* A value in the text form stands bare when it cannot be misread. */
static bool is_plain(const char *s)
{
	static const char plain[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_.:/+@%,";
	size_t n = strspn(s, plain);

	return n > 0 && n <= VALUE_MAX && s[n] == '\0';
}

static void put_value(struct line *l, const struct sp_log_field *f)
{
	char num[32];

	switch (f->kind) {
	case SP_LOG_STR:
		if (!f->s)
			puts_(l, "null");
		else if (as_text && is_plain(f->s))
			puts_(l, f->s);
		else
			put_quoted(l, f->s);
		return;
	case SP_LOG_INT:
		snprintf(num, sizeof(num), "%lld", (long long)f->i);
		puts_(l, num);
		return;
	case SP_LOG_MS: {
		/* Rounded to microseconds; the magnitude apart, since -0.5 ms has no sign in its whole part. */
		uint64_t ns = f->i < 0 ? -(uint64_t)f->i : (uint64_t)f->i, us = ns / 1000 + (ns % 1000 >= 500);
		const char *sign = f->i < 0 && us ? "-" : "";
		snprintf(num, sizeof(num), "%s%llu.%03llu", sign, (unsigned long long)(us / 1000), (unsigned long long)(us % 1000));
		puts_(l, num);
		return;
	}
	}
}

static void put_field(struct line *l, const struct sp_log_field *f)
{
	size_t before = l->n;

	if (as_text) {
		put(l, " ", 1);
		puts_(l, f->name);
		put(l, "=", 1);
	} else {
		put(l, ",", 1);
		put_quoted(l, f->name);
		put(l, ":", 1);
	}
	put_value(l, f);
	if (l->full) l->n = before;
}

static void put_json_member(struct line *l, const char *name, const char *value)
{
	const struct sp_log_field f = SP_S(name, value);
	put_field(l, &f);
}

static void put_head(struct line *l, enum sp_log_level level, const char *component, const char *msg)
{
	char ts[SP_RFC3339_LEN];
	sp_format_rfc3339(ts, sp_wall_ms());

	if (as_text) {
		put(l, ts + 11, 12); /* the time of day; who watches a terminal knows the date */
		put(l, " ", 1);
		puts_(l, levels[level].shown);
		put(l, " ", 1);
		puts_(l, component);
		put(l, ": ", 2);
		if (is_plain(msg) ||
		        strspn(msg, " !\"#$&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]_abcdefghijklmnopqrstuvwxyz{|}") ==
		                strlen(msg))
			puts_(l, msg);
		else
			put_quoted(l, msg);
		return;
	}
	puts_(l, "{\"ts\":\"");
	puts_(l, ts);
	put(l, "\"", 1);
	put_json_member(l, "level", levels[level].name);
	put_json_member(l, "msg", msg);
	put_json_member(l, "component", component);
	put_json_member(l, "version", SERAPIS_VERSION);
}

static void build(struct line *l, enum sp_log_level level, const char *component, const char *msg, const struct sp_log_field *fields)
{
	bool cut = false;

	l->n = 0;
	l->full = false;
	put_head(l, level, component, msg);
	for (const struct sp_log_field *f = fields; f && f->name; f++) {
		put_field(l, f);
		cut = cut || l->full;
		l->full = false; /* a shorter field may still have room */
	}
	const char *end = as_text ? (cut ? " truncated=true\n" : "\n") : (cut ? ",\"truncated\":true}\n" : "}\n");
	memcpy(l->p + l->n, end, strlen(end)); /* into TAIL_ROOM */
	l->n += strlen(end);
}

/* False when whoever reads has left no room for wait_ms. A pipe that has room takes a line without blocking, since no line is longer than PIPE_BUF. stderr is not made
 * non-blocking for that: it may be shared with others who do not expect it. */
static bool emit(const struct line *l, int wait_ms)
{
	struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};
	int ready;

	while ((ready = poll(&p, 1, wait_ms)) < 0 && errno == EINTR) continue;
	if (ready == 0) return false;
	for (size_t at = 0; at < l->n;) {
		ssize_t n = write(STDERR_FILENO, l->p + at, l->n - at);
		if (n < 0 && errno == EINTR) continue;
		if (n <= 0) break; /* nobody listens; there is no other place to say so */
		at += (size_t)n;
	}
	return true;
}

void sp_log_write(enum sp_log_level level, const char *component, const char *msg, const struct sp_log_field *fields)
{
	int saved = errno; /* who logs an error wants to go on with it */
	struct line l;

	build(&l, level, component, msg, fields);
	/* The lock keeps lines whole when a write is cut short, and the count of those that were lost. */
	pthread_mutex_lock(&write_lock);
	bool was_full = lost > 0, ok = true;
	if (was_full) {
		struct line note;
		const struct sp_log_field of[] = {SP_I("lines", lost), {.name = NULL}};
		build(&note, SP_LOG_WARN, "log", "lines were lost: their reader was too slow", of);
		if ((ok = emit(&note, 0))) lost = 0;
	}
	if (ok) ok = emit(&l, was_full ? 0 : WAIT_MS);
	if (!ok) lost++;
	pthread_mutex_unlock(&write_lock);
	errno = saved;
}
