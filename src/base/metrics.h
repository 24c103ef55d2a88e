/* SPDX-License-Identifier: MIT */
/*
 * Metrics of this process, in Prometheus' text format. One row of the table in metrics.c per metric: its name, kind, labels and help are there and nowhere else; docs/operations.md tells
 * what they mean. Process-wide, as the log is. Any thread; counting takes no lock once a combination of labels has been seen (two atomic operations and a hash of the labels).
 *
 * Values of labels are patterns, names out of a table, and codes: never ids, users, paths, or anything that was sent to us unchecked. A metric holds a bounded number of combinations;
 * one too many is counted as "other" in all labels. What has never been counted or set is not shown, so a metric appears with the part that makes it work.
 *
 *     sp_metric_count(SP_M_ACCEPTED, "ruby", "bulk");
 */
#ifndef SP_BASE_METRICS_H
#define SP_BASE_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum sp_metric {
	SP_M_HTTP_REQUESTS, /* route (the pattern or "none"), method ("other" for what HTTP does not define), code ("none": the client left) */
	SP_M_HTTP_DURATION, /* route */
	SP_M_HTTP_WAITERS,
	SP_M_ACCEPTED, /* language, class */
	SP_M_EVALUATIONS, /* language, status, verdict ("none" if canceled) */
	SP_M_STAGE, /* stage, language */
	SP_M_SLOTS, /* state */
	SP_M_STARTS, /* language, kind, why */
	SP_M_LEASES_LOST,
	SP_M_REPUBLISHED, /* why */
	SP_M_DEAD_LETTERS,
	SP_M_BROKER_CONNECTED,
	SP_M_STORE_UP,
	SP_M_STORE_DURATION, /* op */
	SP_M_WAITING, /* class; store-wide, as the next two */
	SP_M_OLDEST_WAITING, /* class */
	SP_M_SLOTS_WANTED,
	SP_M_BUILD_INFO, /* version */
	SP_METRICS
};

/* labels[0] is not used, so that there may be none; the others are the values in the order of the table, none NULL. Borrowed. */
void sp_metric_add(enum sp_metric m, uint64_t n, const char *const *labels, size_t nlabels); /* a counter */
void sp_metric_set(enum sp_metric m, double v, const char *const *labels, size_t nlabels); /* a gauge */
void sp_metric_observe(enum sp_metric m, int64_t ns, const char *const *labels, size_t nlabels); /* a histogram, of durations */
void sp_metric_hide(enum sp_metric m); /* A gauge is not known any more: not shown until it is set again. */

#define SP_METRIC_LABELS(...) \
	(const char *const[]){NULL __VA_OPT__(, ) __VA_ARGS__}, SP_COUNT(((const char *const[]){NULL __VA_OPT__(, ) __VA_ARGS__})) - 1
#define sp_metric_count(m, ...) sp_metric_add(m, 1, SP_METRIC_LABELS(__VA_ARGS__))
/* With no count yet: shown as 0 from now on, so that the first one is seen as a rise. */
#define sp_metric_start(m, ...) sp_metric_add(m, 0, SP_METRIC_LABELS(__VA_ARGS__))
#define sp_metric_gauge(m, v, ...) sp_metric_set(m, v, SP_METRIC_LABELS(__VA_ARGS__))
#define sp_metric_time(m, ns, ...) sp_metric_observe(m, ns, SP_METRIC_LABELS(__VA_ARGS__))

/* fn is called before a page is written, for gauges that are looked up rather than kept; it must not wait for a disk or a peer. One at a time, until sp_metrics_unwatch has returned. */
struct sp_metrics_watch {
	void (*fn)(void *cls);
	void *cls;
	struct sp_metrics_watch *_next;
};
void sp_metrics_watch(struct sp_metrics_watch *w); /* w stays the caller's, and must live until it is taken off */
void sp_metrics_unwatch(struct sp_metrics_watch *w); /* one that was never put on is fine */

#define SP_METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"
int sp_metrics_write(struct sp_buf *out); /* appends the page; -1 when out is full */

/* The table, for tests and documents. False past the end. */
struct sp_metric_row {
	const char *name, *kind, *help;
	const char *labels[4]; /* NULL ends them */
};
bool sp_metric_row(size_t i, struct sp_metric_row *out);

#endif
