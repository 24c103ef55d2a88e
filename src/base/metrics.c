/* SPDX-License-Identifier: MIT */
/*
 * A metric has a hash table of series, one for each combination of labels. Series are only ever added, at the head of a chain and under `add_lock`, and never change their labels or go away: whoever
 * reads a chain needs no lock, and finds at worst not yet the newest, which it then looks for again with the lock. Numbers are single atomics; a page is not a snapshot of
 * all of them, but what is derived from several (a histogram's buckets and its count) is derived from one reading.
 */
#include "base/metrics.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

#define LABELS_MAX 3
#define CHAINS 64
#define BOUNDS_MAX 16
#define SERIES_MAX 1024 /* of one metric: over what routes × methods × codes and languages × verdicts can make */

enum kind { COUNTER, GAUGE, HISTOGRAM };

struct bound {
	int64_t ns;
	const char *text;
};

#define MS SP_NS_PER_MS
#define S SP_NS_PER_S
/* Of requests, which may wait for their result up to 50 s; of what runs, up to 25 minutes; of the store, which is asked for less than a second. */
static const struct bound of_requests[] = {{1 * MS, "0.001"}, {2500 * MS / 1000, "0.0025"}, {5 * MS, "0.005"}, {10 * MS, "0.01"},
        {25 * MS, "0.025"}, {50 * MS, "0.05"}, {100 * MS, "0.1"}, {250 * MS, "0.25"}, {500 * MS, "0.5"}, {1 * S, "1"}, {2500 * MS, "2.5"},
        {5 * S, "5"}, {10 * S, "10"}, {25 * S, "25"}, {60 * S, "60"}, {0, NULL}};
static const struct bound of_stages[] = {{5 * MS, "0.005"}, {10 * MS, "0.01"}, {25 * MS, "0.025"}, {50 * MS, "0.05"}, {100 * MS, "0.1"},
        {250 * MS, "0.25"}, {500 * MS, "0.5"}, {1 * S, "1"}, {2500 * MS, "2.5"}, {5 * S, "5"}, {15 * S, "15"}, {30 * S, "30"},
        {60 * S, "60"}, {300 * S, "300"}, {1500 * S, "1500"}, {0, NULL}};
static const struct bound of_store[] = {{MS / 10, "0.0001"}, {MS / 4, "0.00025"}, {MS / 2, "0.0005"}, {1 * MS, "0.001"},
        {2500 * MS / 1000, "0.0025"}, {5 * MS, "0.005"}, {10 * MS, "0.01"}, {25 * MS, "0.025"}, {50 * MS, "0.05"}, {100 * MS, "0.1"},
        {250 * MS, "0.25"}, {1 * S, "1"}, {5 * S, "5"}, {0, NULL}};

static const struct row {
	const char *name, *help;
	enum kind kind;
	const struct bound *bounds;
	const char *labels[LABELS_MAX];
} rows[] = {
        [SP_M_HTTP_REQUESTS] = {"serapis_http_requests_total", "Requests answered or given up.", COUNTER, NULL,
                {"route", "method", "code"}},
        [SP_M_HTTP_DURATION] = {"serapis_http_request_duration_seconds", "From the first line of a request to the end of its answer.",
                HISTOGRAM, of_requests, {"route"}},
        [SP_M_HTTP_WAITERS] = {"serapis_http_waiters", "Requests that wait for the end of an evaluation.", GAUGE, NULL, {NULL}},
        [SP_M_ACCEPTED] = {"serapis_evaluations_accepted_total", "Evaluations that were stored for a request.", COUNTER, NULL,
                {"language", "class"}},
        [SP_M_EVALUATIONS] = {"serapis_evaluations_total", "Evaluations that ended, with their result stored by this process.", COUNTER,
                NULL, {"language", "status", "verdict"}},
        [SP_M_STAGE] = {"serapis_stage_duration_seconds", "Time that evaluations spent waiting (stage queue) and in each stage that ran.",
                HISTOGRAM, of_stages, {"stage", "language"}},
        [SP_M_SLOTS] = {"serapis_slots", "Slots of this process's evaluator.", GAUGE, NULL, {"state"}},
        [SP_M_STARTS] = {"serapis_starts_total", "Programs started, how, and why so.", COUNTER, NULL, {"language", "kind", "why"}},
        [SP_M_LEASES_LOST] = {"serapis_leases_lost_total",
                "Claims of this evaluator that were not its own any more when it came to their end.", COUNTER, NULL, {NULL}},
        [SP_M_REPUBLISHED] = {"serapis_republished_total", "Evaluations that were published again by the janitor.", COUNTER, NULL, {"why"}},
        [SP_M_DEAD_LETTERS] = {"serapis_dead_letters_total", "Messages that the broker gave up delivering.", COUNTER, NULL, {NULL}},
        [SP_M_BROKER_CONNECTED] = {"serapis_broker_connected", "Whether this process reaches the broker: 1 or 0.", GAUGE, NULL, {NULL}},
        [SP_M_STORE_UP] = {"serapis_store_up", "Whether the store answered within the last 10 s: 1 or 0.", GAUGE, NULL, {NULL}},
        [SP_M_STORE_DURATION] = {"serapis_store_operation_duration_seconds", "Time that calls of the store took.", HISTOGRAM, of_store,
                {"op"}},
        [SP_M_WAITING] = {"serapis_waiting", "Evaluations that wait for an evaluator, in the whole store.", GAUGE, NULL, {"class"}},
        [SP_M_OLDEST_WAITING] = {"serapis_oldest_waiting_seconds",
                "Age of the oldest evaluation that waits, in the whole store; 0 without one.", GAUGE, NULL, {"class"}},
        [SP_M_SLOTS_WANTED] = {"serapis_slots_wanted", "Slots that the load of the last minute asks for, in the whole store.", GAUGE, NULL,
                {NULL}},
        [SP_M_BUILD_INFO] = {"serapis_build_info", "1, for the version in the label.", GAUGE, NULL, {"version"}},
};
_Static_assert(SP_COUNT(rows) == SP_METRICS, "a row for each metric");

struct series {
	struct series *next; /* in its chain; fixed before the series is seen */
	size_t order;
	char *labels[LABELS_MAX];
	_Atomic uint64_t value; /* counter; bits of a gauge's double; a histogram's sum in ns */
	atomic_bool shown;
	_Atomic uint64_t buckets[]; /* histogram: those that fell under a bound and over the one before; the last: over all */
};

static struct family {
	struct series *_Atomic chains[CHAINS];
	size_t n; /* under add_lock */
} families[SP_METRICS];
static pthread_mutex_t add_lock = PTHREAD_MUTEX_INITIALIZER;

static pthread_mutex_t watch_lock = PTHREAD_MUTEX_INITIALIZER;
static struct sp_metrics_watch *watches; /* under watch_lock, which is held while they are called */

static size_t nlabels(enum sp_metric m)
{
	size_t n = 0;
	while (n < LABELS_MAX && rows[m].labels[n]) n++;
	return n;
}

static size_t nbounds(enum sp_metric m)
{
	size_t n = 0;
	while (rows[m].bounds && rows[m].bounds[n].text) n++;
	return n;
}

/* FNV-1a; what stands between two labels cannot be in one of them. */
static uint32_t hash(const char *const *labels, size_t n)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < n; i++) {
		for (const char *p = labels[i]; *p; p++) h = (h ^ (unsigned char)*p) * 16777619u;
		h = (h ^ 0xffu) * 16777619u;
	}
	return h ^ h >> 16;
}

static struct series *look(enum sp_metric m, size_t chain, const char *const *labels, size_t n)
{
	struct series *s = atomic_load_explicit(&families[m].chains[chain], memory_order_acquire);

	for (; s; s = s->next) {
		size_t i = 0;
		while (i < n && strcmp(s->labels[i], labels[i]) == 0) i++;
		if (i == n) return s;
	}
	return NULL;
}

/* Under add_lock. */
static struct series *append(enum sp_metric m, size_t chain, const char *const *labels, size_t n)
{
	struct family *f = &families[m];
	size_t buckets = rows[m].kind == HISTOGRAM ? nbounds(m) + 1 : 0;
	struct series *s = sp_calloc(1, sizeof(*s) + buckets * sizeof(s->buckets[0]));

	s->order = f->n++;
	for (size_t i = 0; i < n; i++) s->labels[i] = sp_strdup(labels[i]);
	s->next = atomic_load_explicit(&f->chains[chain], memory_order_relaxed);
	atomic_store_explicit(&f->chains[chain], s, memory_order_release);
	return s;
}

static struct series *find(enum sp_metric m, enum kind kind, const char *const *labels, size_t n)
{
	static const char *const other[LABELS_MAX] = {"other", "other", "other"};

	SP_BUG_ON((unsigned)m >= SP_METRICS || rows[m].kind != kind || n != nlabels(m));
	labels++; /* the first is not used (metrics.h) */
	size_t chain = hash(labels, n) % CHAINS;
	struct series *s = look(m, chain, labels, n);
	if (s) return s;

	pthread_mutex_lock(&add_lock);
	/* One place is kept for what is too much, and that is in no chain but its own. */
	if (n && families[m].n >= SERIES_MAX - 1) {
		labels = other;
		chain = hash(labels, n) % CHAINS;
	}
	if (!(s = look(m, chain, labels, n))) s = append(m, chain, labels, n);
	pthread_mutex_unlock(&add_lock);
	return s;
}

static void show(struct series *s)
{
	if (!atomic_load_explicit(&s->shown, memory_order_relaxed)) atomic_store_explicit(&s->shown, true, memory_order_release);
}

void sp_metric_add(enum sp_metric m, uint64_t n, const char *const *labels, size_t count)
{
	struct series *s = find(m, COUNTER, labels, count);

	atomic_fetch_add_explicit(&s->value, n, memory_order_relaxed);
	show(s);
}

void sp_metric_set(enum sp_metric m, double v, const char *const *labels, size_t count)
{
	struct series *s = find(m, GAUGE, labels, count);
	uint64_t bits;

	memcpy(&bits, &v, sizeof(bits));
	atomic_store_explicit(&s->value, bits, memory_order_relaxed);
	show(s);
}

void sp_metric_observe(enum sp_metric m, int64_t ns, const char *const *labels, size_t count)
{
	struct series *s = find(m, HISTOGRAM, labels, count);
	const struct bound *b = rows[m].bounds;
	size_t i = 0;

	if (ns < 0) ns = 0; /* of a clock that is not ours */
	while (b[i].text && ns > b[i].ns) i++;
	atomic_fetch_add_explicit(&s->buckets[i], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&s->value, (uint64_t)ns, memory_order_relaxed);
	show(s);
}

void sp_metric_hide(enum sp_metric m)
{
	SP_BUG_ON((unsigned)m >= SP_METRICS || rows[m].kind != GAUGE);
	for (size_t c = 0; c < CHAINS; c++)
		for (struct series *s = atomic_load_explicit(&families[m].chains[c], memory_order_acquire); s; s = s->next)
			atomic_store_explicit(&s->shown, false, memory_order_release);
}

/* ---- the page ---- */

void sp_metrics_watch(struct sp_metrics_watch *w)
{
	pthread_mutex_lock(&watch_lock);
	w->_next = watches;
	watches = w;
	pthread_mutex_unlock(&watch_lock);
}

void sp_metrics_unwatch(struct sp_metrics_watch *w)
{
	pthread_mutex_lock(&watch_lock);
	for (struct sp_metrics_watch **at = &watches; *at; at = &(*at)->_next) {
		if (*at != w) continue;
		*at = w->_next;
		break;
	}
	pthread_mutex_unlock(&watch_lock);
}

/* The labels in braces; le: one more for a bucket, or NULL. Without any: nothing. */
static void put_labels(struct sp_buf *out, enum sp_metric m, const struct series *s, const char *le)
{
	size_t n = nlabels(m);

	for (size_t i = 0; i < n; i++) {
		sp_buf_printf(out, "%s%s=\"", i ? "," : "{", rows[m].labels[i]);
		for (const char *p = s->labels[i]; *p; p++) {
			if (*p == '\n')
				sp_buf_adds(out, "\\n");
			else if (*p == '"' || *p == '\\')
				sp_buf_printf(out, "\\%c", *p);
			else
				sp_buf_add(out, p, 1);
		}
		sp_buf_adds(out, "\"");
	}
	if (le) sp_buf_printf(out, "%sle=\"%s\"", n ? "," : "{", le);
	if (n || le) sp_buf_adds(out, "}");
}

static void put_histogram(struct sp_buf *out, enum sp_metric m, struct series *s)
{
	const struct row *r = &rows[m];
	uint64_t total = 0, sum = atomic_load_explicit(&s->value, memory_order_relaxed);

	for (size_t i = 0;; i++) {
		const char *le = r->bounds[i].text;
		total += atomic_load_explicit(&s->buckets[i], memory_order_relaxed);
		sp_buf_printf(out, "%s_bucket", r->name);
		put_labels(out, m, s, le ? le : "+Inf");
		sp_buf_printf(out, " %" PRIu64 "\n", total);
		if (!le) break;
	}
	sp_buf_printf(out, "%s_sum", r->name);
	put_labels(out, m, s, NULL);
	sp_buf_printf(out, " %" PRIu64 ".%09" PRIu64 "\n%s_count", sum / 1000000000u, sum % 1000000000u, r->name);
	put_labels(out, m, s, NULL);
	sp_buf_printf(out, " %" PRIu64 "\n", total);
}

static void put_series(struct sp_buf *out, enum sp_metric m, struct series *s)
{
	if (rows[m].kind == HISTOGRAM) {
		put_histogram(out, m, s);
		return;
	}
	uint64_t bits = atomic_load_explicit(&s->value, memory_order_relaxed);
	double v;

	memcpy(&v, &bits, sizeof(v));
	sp_buf_adds(out, rows[m].name);
	put_labels(out, m, s, NULL);
	if (rows[m].kind == COUNTER)
		sp_buf_printf(out, " %" PRIu64 "\n", bits);
	else
		sp_buf_printf(out, " %.15g\n", v);
}

static const char *kind_name(enum kind k)
{
	static const char *const names[] = {[COUNTER] = "counter", [GAUGE] = "gauge", [HISTOGRAM] = "histogram"};
	return names[k];
}

/* What is shown of a metric, in the order in which it was first seen. *n: how many. */
static void collect(enum sp_metric m, struct series *found[SERIES_MAX], size_t *n)
{
	memset(found, 0, SERIES_MAX * sizeof(found[0]));
	for (size_t c = 0; c < CHAINS; c++) {
		struct series *s = atomic_load_explicit(&families[m].chains[c], memory_order_acquire);
		for (; s; s = s->next)
			if (atomic_load_explicit(&s->shown, memory_order_acquire)) found[s->order] = s;
	}
	*n = 0;
	for (size_t i = 0; i < SERIES_MAX; i++)
		if (found[i]) found[(*n)++] = found[i];
}

int sp_metrics_write(struct sp_buf *out)
{
	struct series *found[SERIES_MAX];

	pthread_mutex_lock(&watch_lock);
	for (struct sp_metrics_watch *w = watches; w; w = w->_next) w->fn(w->cls);
	pthread_mutex_unlock(&watch_lock);
	for (int i = 0; i < SP_METRICS; i++) {
		enum sp_metric m = (enum sp_metric)i;
		size_t n;
		collect(m, found, &n);
		if (!n) continue;
		sp_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", rows[m].name, rows[m].help, rows[m].name, kind_name(rows[m].kind));
		for (size_t k = 0; k < n; k++) put_series(out, m, found[k]);
	}
	return out->failed ? -1 : 0;
}

bool sp_metric_row(size_t i, struct sp_metric_row *out)
{
	if (i >= SP_METRICS) return false;
	*out = (struct sp_metric_row){.name = rows[i].name, .kind = kind_name(rows[i].kind), .help = rows[i].help};
	memcpy(out->labels, rows[i].labels, sizeof(rows[i].labels));
	return true;
}
