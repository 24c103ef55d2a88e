/* SPDX-License-Identifier: MIT */
/* The checked front of every back-end: arguments are validated, calls timed and errors given their context here, once. */
#include "store/store.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "store/checked.h"
#include "store/driver.h"

/* A disk that takes this long for a commit, or a store this busy, is worth a line. */
#define SLOW_NS (250 * SP_NS_PER_MS)

/* Far above every configurable limit of the API and of a run: what comes here larger is a bug of ours. */
#define DATA_MAX ((size_t)256 << 20)

static const struct sp_store_driver *const drivers[] = {&sp_store_sqlite};

static struct sp_store *open_url(const char *url, bool *beside, struct sp_err *err)
{
	const char *colon = url ? strchr(url, ':') : NULL;

	if (!colon) {
		sp_fail(err, SP_E_INVALID, 0, "the store is a URL such as sqlite:/var/lib/serapis/serapis.db");
		return NULL;
	}
	for (size_t i = 0; i < SP_COUNT(drivers); i++)
		if (strlen(drivers[i]->scheme) == (size_t)(colon - url) && memcmp(drivers[i]->scheme, url, (size_t)(colon - url)) == 0)
			return drivers[i]->open(colon + 1, beside, err);
	/* The scheme alone: the rest of a URL may hold a password. */
	sp_fail(err, SP_E_INVALID, 0, "no store \"%.*s:\"; this program has sqlite:", colon - url > 32 ? 32 : (int)(colon - url), url);
	return NULL;
}

struct sp_store *sp_store_open(const char *url, struct sp_err *err) { return open_url(url, NULL, err); }

struct sp_store *sp_store_open_beside(const char *url, bool *beside, struct sp_err *err)
{
	bool ignored;

	return open_url(url, beside ? beside : &ignored, err);
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

int sp_store_done(const char *op, const struct sp_id *id, int64_t began, int rc, struct sp_err *err)
{
	int64_t took = sp_mono_ns() - began;
	char text[SP_ID_TEXT] = "";

	sp_metric_time(SP_M_STORE_DURATION, took, op);
	if (rc >= 0 && took <= SLOW_NS) return rc;
	if (id) sp_id_text(id, text);
	if (took > SLOW_NS) log_slow(op, id ? text : NULL, began + took, took);
	if (rc < 0 && id) return sp_wrap(err, "store: %s %s", op, text);
	if (rc < 0) return sp_wrap(err, "store: %s", op);
	return rc;
}

int sp_store_refuse(struct sp_err *err, const char *op, const char *what)
{
	return sp_fail(err, SP_E_INVALID, 0, "store: %s: %s", op, what);
}

bool sp_store_fits(const char *s, size_t size) { return !s || strnlen(s, size) < size; }

bool sp_store_key_id_fine(const char *id) { return strnlen(id, SP_KEY_ID_LEN) == SP_KEY_ID_LEN - 1; }

static bool bytes_fine(const struct sp_bytes *b) { return b->n <= DATA_MAX && (b->p || b->n == 0); }

static const char *wrong_with(const struct sp_new_evaluation *in)
{
	if (!in->language || !*in->language || !sp_store_fits(in->language, SP_LANGUAGE_LEN)) return "language";
	if (in->class_ != SP_CLASS_INTERACTIVE && in->class_ != SP_CLASS_BULK) return "class";
	if (!sp_store_fits(in->reference, SP_REFERENCE_LEN)) return "reference too long";
	if (!bytes_fine(&in->request)) return "request too large";
	if (in->max_waiting < 0 || in->key_max_waiting < 0) return "max_waiting";
	if (in->key_id && (!in->user_id || !sp_store_key_id_fine(in->key_id))) return "key_id";
	if (in->max_running < 0 || (in->max_running > 0 && !in->key_id)) return "max_running";
	if (in->max_runs < 0) return "max_runs";
	if (!in->idempotency_key) return NULL;
	if (!*in->idempotency_key || !sp_store_fits(in->idempotency_key, SP_IDEMPOTENCY_KEY_LEN)) return "idempotency_key";
	return in->idempotency_keep_ms < 1 ? "idempotency_keep_ms" : NULL;
}

int sp_store_create(struct sp_store *s, const struct sp_new_evaluation *in, enum sp_create_outcome *outcome, struct sp_evaluation *out,
        struct sp_err *err)
{
	const char *wrong = wrong_with(in);

	if (wrong) return sp_store_refuse(err, "create", wrong);
	int64_t began = sp_mono_ns();
	return sp_store_done("create", &in->id, began, s->ops->create(s, in, outcome, out, err), err);
}

int sp_store_claim(
        struct sp_store *s, const struct sp_claim_request *in, enum sp_claim_outcome *outcome, struct sp_stored *out, struct sp_err *err)
{
	if (!in->evaluator_id || !*in->evaluator_id || !sp_store_fits(in->evaluator_id, SP_EVALUATOR_LEN))
		return sp_store_refuse(err, "claim", "evaluator_id");
	if (in->lease_ms < 1 || in->lease_ms > INT64_C(86400000)) return sp_store_refuse(err, "claim", "lease_ms");
	if (in->max_lost < 1) return sp_store_refuse(err, "claim", "max_lost");
	int64_t began = sp_mono_ns();
	return sp_store_done("claim", &in->id, began, s->ops->claim(s, in, outcome, out, err), err);
}

int sp_store_release(struct sp_store *s, const struct sp_id *id, int64_t claim_no, bool began_run, bool *applied, struct sp_err *err)
{
	if (claim_no < 1) return sp_store_refuse(err, "release", "claim_no");
	int64_t began = sp_mono_ns();
	return sp_store_done("release", id, began, s->ops->release(s, id, claim_no, began_run, applied, err), err);
}

int sp_store_finish(struct sp_store *s, const struct sp_finish *in, bool *applied, struct sp_err *err)
{
	if (in->claim_no < 1) return sp_store_refuse(err, "finish", "claim_no");
	if ((unsigned)in->status > SP_STATUS_CANCELED || !sp_status_terminal(in->status))
		return sp_store_refuse(err, "finish", "status is not terminal");
	if (!in->verdict && in->status != SP_STATUS_CANCELED) return sp_store_refuse(err, "finish", "no verdict");
	if (!sp_store_fits(in->verdict, SP_VERDICT_LEN) || !sp_store_fits(in->stage, SP_STAGE_LEN) ||
	        !sp_store_fits(in->signal, SP_SIGNAL_LEN))
		return sp_store_refuse(err, "finish", "text too long");
	if (!bytes_fine(&in->result) || !bytes_fine(&in->output) || !bytes_fine(&in->segments) || !bytes_fine(&in->compile_output))
		return sp_store_refuse(err, "finish", "data too large");
	int64_t began = sp_mono_ns();
	return sp_store_done("finish", &in->id, began, s->ops->finish(s, in, applied, err), err);
}

int sp_store_renew(struct sp_store *s, const char *evaluator_id, int64_t lease_ms, struct sp_lease *leases, size_t n, struct sp_err *err)
{
	if (!evaluator_id || !*evaluator_id || !sp_store_fits(evaluator_id, SP_EVALUATOR_LEN))
		return sp_store_refuse(err, "renew", "evaluator_id");
	if (lease_ms < 1 || lease_ms > INT64_C(86400000)) return sp_store_refuse(err, "renew", "lease_ms");
	if (n > SP_STORE_ITEMS_MAX) return sp_store_refuse(err, "renew", "too many leases");
	if (n == 0) return 0;
	int64_t began = sp_mono_ns();
	return sp_store_done("renew", NULL, began, s->ops->renew(s, evaluator_id, lease_ms, leases, n, err), err);
}

int sp_store_get(struct sp_store *s, const struct sp_id *id, bool with_data, struct sp_stored *out, struct sp_err *err)
{
	int64_t began = sp_mono_ns();

	return sp_store_done("get", id, began, s->ops->get(s, id, with_data, out, err), err);
}

int sp_store_scan(struct sp_store *s, const struct sp_scan_request *in, struct sp_scan_item *items, size_t max, struct sp_err *err)
{
	if ((unsigned)in->what > SP_SCAN_OF_KEY) return sp_store_refuse(err, "scan", "what");
	if (in->what == SP_SCAN_WAITING && (unsigned)in->class_ >= SP_CLASSES) return sp_store_refuse(err, "scan", "class");
	if (in->what == SP_SCAN_OF_KEY && (!in->key_id || !sp_store_key_id_fine(in->key_id))) return sp_store_refuse(err, "scan", "key_id");
	if (in->what == SP_SCAN_OF_KEY && in->max_running < 1) return sp_store_refuse(err, "scan", "max_running");
	if (max > SP_STORE_ITEMS_MAX) return sp_store_refuse(err, "scan", "too many at once");
	if (max == 0) return 0;
	int64_t began = sp_mono_ns();
	return sp_store_done("scan", NULL, began, s->ops->scan(s, in, items, max, err), err);
}

int sp_store_sweep(struct sp_store *s, const struct sp_id *ids, size_t n, bool *terminal, struct sp_err *err)
{
	if (n > SP_STORE_ITEMS_MAX) return sp_store_refuse(err, "sweep", "too many ids");
	int64_t began = sp_mono_ns();
	return sp_store_done("sweep", NULL, began, s->ops->sweep(s, ids, n, terminal, err), err);
}

int sp_store_cancel(struct sp_store *s, const struct sp_id *id, enum sp_cancel why, struct sp_evaluation *out, struct sp_err *err)
{
	if (why != SP_CANCEL_REQUESTED && why != SP_CANCEL_CLIENT_GONE) return sp_store_refuse(err, "cancel", "why");
	int64_t began = sp_mono_ns();
	return sp_store_done("cancel", id, began, s->ops->cancel(s, id, why, out, err), err);
}
