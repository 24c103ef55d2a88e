/* SPDX-License-Identifier: MIT */
/*
 * Structured logging to stderr: one JSON object a line, or text when stderr is a terminal. Thread safe; one write(2) a line.
 * A line has at most 4096 bytes (PIPE_BUF): a text value is cut after 1024, and fields without room are left out ("truncated":true). errno is kept.
 * Never log code, stdin, output, environment, keys or query strings.
 *
 *     sp_log_info("worker", "claimed", SP_S("evaluation_id", id), SP_I("slot", slot));
 */
#ifndef SP_BASE_LOG_H
#define SP_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum sp_log_level { SP_LOG_DEBUG, SP_LOG_INFO, SP_LOG_WARN, SP_LOG_ERROR };

struct sp_log_field {
	const char *name; /* NULL ends the list */
	enum { SP_LOG_STR, SP_LOG_INT, SP_LOG_MS } kind;
	const char *s; /* NULL is written as null */
	int64_t i; /* SP_LOG_MS: nanoseconds, written as milliseconds with three decimals */
};

#define SP_S(n, v) \
	{ \
		.name = (n), .kind = SP_LOG_STR, .s = (v) \
	}
#define SP_I(n, v) \
	{ \
		.name = (n), .kind = SP_LOG_INT, .i = (int64_t)(v) \
	}
#define SP_MS(n, v) \
	{ \
		.name = (n), .kind = SP_LOG_MS, .i = (int64_t)(v) \
	}
#define SP_ERR(e) \
	{ \
		.name = "error", .kind = SP_LOG_STR, .s = (e)->msg \
	}

/* Process-wide; call once before threads start. `json`: JSON lines even on a terminal. Before it: info and above, JSON. */
void sp_log_setup(enum sp_log_level least, bool json);
void sp_log_set_level(enum sp_log_level least); /* any thread, at any time */
bool sp_log_level_parse(const char *name, enum sp_log_level *out); /* debug, info, warn, error */
bool sp_log_on(enum sp_log_level level);
void sp_log_write(enum sp_log_level level, const char *component, const char *msg, const struct sp_log_field *fields);

/* A line has at most this many fields; the array below is longer than that, and its last element ends the list. */
#define SP_LOG_FIELDS_MAX 23

#define sp_log_at(level, component, msg, ...) \
	do { \
		if (sp_log_on(level)) \
			sp_log_write(level, component, msg, (const struct sp_log_field[SP_LOG_FIELDS_MAX + 1]){__VA_ARGS__}); \
	} while (0)
#define sp_log_debug(component, ...) sp_log_at(SP_LOG_DEBUG, component, __VA_ARGS__)
#define sp_log_info(component, ...) sp_log_at(SP_LOG_INFO, component, __VA_ARGS__)
#define sp_log_warn(component, ...) sp_log_at(SP_LOG_WARN, component, __VA_ARGS__)
#define sp_log_error(component, ...) sp_log_at(SP_LOG_ERROR, component, __VA_ARGS__)

#endif
