/* SPDX-License-Identifier: MIT */
/* The checked front of every back-end's lists, erasing, retention and figures. */
#include "store/history.h"

#include "base/clock.h"
#include "store/checked.h"

static const char *wrong_with(const struct sp_list_request *in)
{
	if (in->limit < 1 || in->limit > SP_LIST_MAX) return "limit";
	if (in->status && (unsigned)*in->status > SP_STATUS_CANCELED) return "status";
	if (!sp_store_fits(in->verdict, SP_VERDICT_LEN) || !sp_store_fits(in->language, SP_LANGUAGE_LEN) ||
	        !sp_store_fits(in->reference, SP_REFERENCE_LEN))
		return "text too long";
	/* Far from where sums of it overflow. */
	if (in->created_after_ms < 0 || in->created_after_ms >> 48 || in->created_before_ms < 0 || in->created_before_ms >> 48)
		return "time";
	return NULL;
}

int sp_store_list(struct sp_store *s, const struct sp_list_request *in, struct sp_list_page *out, struct sp_err *err)
{
	const char *wrong = wrong_with(in);

	if (wrong) return sp_store_refuse(err, "list", wrong);
	out->n = 0;
	out->more = false;
	int64_t began = sp_mono_ns();
	return sp_store_done("list", NULL, began, s->history->list(s, in, out, err), err);
}

int sp_store_erase(struct sp_store *s, const struct sp_id *id, struct sp_evaluation *out, struct sp_err *err)
{
	int64_t began = sp_mono_ns();

	return sp_store_done("erase", id, began, s->history->erase(s, id, out, err), err);
}

int sp_store_expire(struct sp_store *s, const struct sp_retention *in, struct sp_expired *out, struct sp_err *err)
{
	if (in->rows_ms < 1 || in->data_ms < 1 || in->idempotency_ms < 1) return sp_store_refuse(err, "expire", "age");
	if (in->max < 1 || in->max > SP_STORE_ITEMS_MAX) return sp_store_refuse(err, "expire", "max");
	*out = (struct sp_expired){0};
	/* Long by nature, in many short transactions: its time says nothing about the store. */
	int rc = s->history->expire(s, in, out, err);
	return sp_store_done("expire", NULL, sp_mono_ns(), rc, err);
}

int sp_store_statistics(struct sp_store *s, struct sp_statistics *out, struct sp_err *err)
{
	*out = (struct sp_statistics){0};
	int64_t began = sp_mono_ns();
	return sp_store_done("statistics", NULL, began, s->history->statistics(s, out, err), err);
}
