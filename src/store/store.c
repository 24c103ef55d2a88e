/* SPDX-License-Identifier: MIT */
/* The checked front of every back-end: arguments are validated, calls timed and errors given their context here, once. */
#include "store/store.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/driver.h"

/* A disk that takes this long for a commit, or a store this busy, is worth a line. */
#define SLOW_NS (250 * SP_NS_PER_MS)

/* Far above every configurable limit of the API and of a run: what comes here larger is a bug of ours. */
#define DATA_MAX ((size_t)256 << 20)

/* More than any caller has at once; bounds the time that one call may hold the store. */
#define ITEMS_MAX 100000

static const struct sp_store_driver *const drivers[] = {&sp_store_sqlite};

/* The back-end of a URL, and in *rest what follows its colon; NULL + err. */
static const struct sp_store_driver *driver_of(const char *url, const char **rest, struct sp_err *err)
{
	const char *colon = url ? strchr(url, ':') : NULL;

	if (!colon) {
		sp_fail(err, SP_E_INVALID, 0, "the store is a URL such as sqlite:/var/lib/serapis/serapis.db");
		return NULL;
	}
	*rest = colon + 1;
	for (size_t i = 0; i < SP_COUNT(drivers); i++)
		if (strlen(drivers[i]->scheme) == (size_t)(colon - url) && memcmp(drivers[i]->scheme, url, (size_t)(colon - url)) == 0)
			return drivers[i];
	/* The scheme alone: the rest of a URL may hold a password. */
	sp_fail(err, SP_E_INVALID, 0, "no store \"%.*s:\"; this program has sqlite:", colon - url > 32 ? 32 : (int)(colon - url), url);
	return NULL;
}

struct sp_store *sp_store_open(const char *url, struct sp_err *err)
{
	const char *rest;
	const struct sp_store_driver *d = driver_of(url, &rest, err);

	return d ? d->open(rest, err) : NULL;
}

int sp_store_look(const char *url, struct sp_err *err)
{
	const char *rest;
	const struct sp_store_driver *d = driver_of(url, &rest, err);

	return d ? d->look(rest, err) : -1;
}

void sp_store_close(struct sp_store *s)
{
	if (s) s->ops->close(s);
}

/* One slow commit makes all its callers slow: one line a second, which says how many were left out since the last. */
static void log_slow(const char *op, const char *id, int64_t now, int64_t took)
{
	static _Atomic int64_t next_ns;
	static _Atomic int64_t left_out;
	int64_t due = atomic_load(&next_ns);

	if (now < due || !atomic_compare_exchange_strong(&next_ns, &due, now + SP_NS_PER_S)) {
		atomic_fetch_add(&left_out, 1);
		return;
	}
	sp_log_warn("store", "slow call", SP_S("op", op), SP_S("evaluation_id", id), SP_MS("took_ms", took),
	        SP_I("left_out", atomic_exchange(&left_out, 0)));
}

/* Ends a call: logs it when slow and gives its error the name of the operation and of the evaluation. */
static int done(const char *op, const struct sp_id *id, int64_t began, int rc, struct sp_err *err)
{
	int64_t took = sp_mono_ns() - began;
	char text[SP_ID_TEXT] = "";

	if (rc >= 0 && took <= SLOW_NS) return rc;
	if (id) sp_id_text(id, text);
	if (took > SLOW_NS) log_slow(op, id ? text : NULL, began + took, took);
	if (rc < 0 && id) return sp_wrap(err, "store: %s %s", op, text);
	if (rc < 0) return sp_wrap(err, "store: %s", op);
	return rc;
}

static int refuse(struct sp_err *err, const char *op, const char *what) { return sp_fail(err, SP_E_INVALID, 0, "store: %s: %s", op, what); }

static bool fits(const char *s, size_t size) { return !s || strnlen(s, size) < size; }

static bool bytes_fine(const struct sp_bytes *b) { return b->n <= DATA_MAX && (b->p || b->n == 0); }

int sp_store_create(struct sp_store *s, const struct sp_new_evaluation *in, struct sp_evaluation *out, struct sp_err *err)
{
	if (!in->language || !*in->language || !fits(in->language, SP_LANGUAGE_LEN)) return refuse(err, "create", "language");
	if (in->class_ != SP_CLASS_INTERACTIVE && in->class_ != SP_CLASS_BULK) return refuse(err, "create", "class");
	if (!fits(in->reference, SP_REFERENCE_LEN)) return refuse(err, "create", "reference too long");
	if (!bytes_fine(&in->request)) return refuse(err, "create", "request too large");
	if (in->max_waiting < 0) return refuse(err, "create", "max_waiting");
	int64_t began = sp_mono_ns();
	return done("create", &in->id, began, s->ops->create(s, in, out, err), err);
}

int sp_store_claim(
        struct sp_store *s, const struct sp_claim_request *in, enum sp_claim_outcome *outcome, struct sp_stored *out, struct sp_err *err)
{
	if (!in->evaluator_id || !*in->evaluator_id || !fits(in->evaluator_id, SP_EVALUATOR_LEN))
		return refuse(err, "claim", "evaluator_id");
	if (in->lease_ms < 1 || in->lease_ms > INT64_C(86400000)) return refuse(err, "claim", "lease_ms");
	if (in->max_lost < 1) return refuse(err, "claim", "max_lost");
	int64_t began = sp_mono_ns();
	return done("claim", &in->id, began, s->ops->claim(s, in, outcome, out, err), err);
}

int sp_store_release(struct sp_store *s, const struct sp_id *id, int64_t claim_no, bool *applied, struct sp_err *err)
{
	if (claim_no < 1) return refuse(err, "release", "claim_no");
	int64_t began = sp_mono_ns();
	return done("release", id, began, s->ops->release(s, id, claim_no, applied, err), err);
}

int sp_store_finish(struct sp_store *s, const struct sp_finish *in, bool *applied, struct sp_err *err)
{
	if (in->claim_no < 1) return refuse(err, "finish", "claim_no");
	if ((unsigned)in->status > SP_STATUS_CANCELED || !sp_status_terminal(in->status))
		return refuse(err, "finish", "status is not terminal");
	if (!in->verdict && in->status != SP_STATUS_CANCELED) return refuse(err, "finish", "no verdict");
	if (!fits(in->verdict, SP_VERDICT_LEN) || !fits(in->stage, SP_STAGE_LEN) || !fits(in->signal, SP_SIGNAL_LEN))
		return refuse(err, "finish", "text too long");
	if (!bytes_fine(&in->result) || !bytes_fine(&in->output) || !bytes_fine(&in->segments) || !bytes_fine(&in->compile_output))
		return refuse(err, "finish", "data too large");
	int64_t began = sp_mono_ns();
	return done("finish", &in->id, began, s->ops->finish(s, in, applied, err), err);
}

int sp_store_renew(struct sp_store *s, const char *evaluator_id, int64_t lease_ms, struct sp_lease *leases, size_t n, struct sp_err *err)
{
	if (!evaluator_id || !*evaluator_id || !fits(evaluator_id, SP_EVALUATOR_LEN)) return refuse(err, "renew", "evaluator_id");
	if (lease_ms < 1 || lease_ms > INT64_C(86400000)) return refuse(err, "renew", "lease_ms");
	if (n > ITEMS_MAX) return refuse(err, "renew", "too many leases");
	if (n == 0) return 0;
	int64_t began = sp_mono_ns();
	return done("renew", NULL, began, s->ops->renew(s, evaluator_id, lease_ms, leases, n, err), err);
}

int sp_store_get(struct sp_store *s, const struct sp_id *id, bool with_data, struct sp_stored *out, struct sp_err *err)
{
	int64_t began = sp_mono_ns();

	return done("get", id, began, s->ops->get(s, id, with_data, out, err), err);
}

int sp_store_scan(
        struct sp_store *s, enum sp_scan what, const struct sp_id *after, struct sp_scan_item *items, size_t max, struct sp_err *err)
{
	if (what != SP_SCAN_WAITING && what != SP_SCAN_EXPIRED) return refuse(err, "scan", "what");
	if (max > ITEMS_MAX) return refuse(err, "scan", "too many at once");
	if (max == 0) return 0;
	int64_t began = sp_mono_ns();
	return done("scan", NULL, began, s->ops->scan(s, what, after, items, max, err), err);
}

int sp_store_sweep(struct sp_store *s, const struct sp_id *ids, size_t n, bool *terminal, struct sp_err *err)
{
	if (n > ITEMS_MAX) return refuse(err, "sweep", "too many ids");
	int64_t began = sp_mono_ns();
	return done("sweep", NULL, began, s->ops->sweep(s, ids, n, terminal, err), err);
}
