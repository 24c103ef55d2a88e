/* SPDX-License-Identifier: MIT */
#include "core/ended.h"

#include "base/log.h"
#include "base/metrics.h"

const char *sp_language_label(const struct sp_languages *languages, const char *name)
{
	const struct sp_language *l = sp_languages_find(languages, name);
	return l ? l->id : "unknown";
}

const char *sp_class_name(enum sp_class class_) { return class_ == SP_CLASS_INTERACTIVE ? "interactive" : "bulk"; }

void sp_evaluation_ended(const char *component, const struct sp_languages *languages, const struct sp_ended *e)
{
	const char *verdict = e->verdict && *e->verdict ? e->verdict : NULL;
	char id[SP_ID_TEXT];

	sp_metric_count(SP_M_EVALUATIONS, sp_language_label(languages, e->language), sp_status_name(e->status), verdict ? verdict : "none");
	if (!sp_log_on(SP_LOG_INFO)) return;
	sp_id_text(e->id, id);
	struct sp_log_field f[SP_LOG_FIELDS_MAX + 1] = {
	        SP_S("evaluation_id", id),
	        SP_S("language", e->language),
	        SP_S("status", sp_status_name(e->status)),
	        SP_S("verdict", verdict),
	        SP_S("reason", e->reason),
	};
	size_t n = 5;
	if (e->claim_no > 0) f[n++] = (struct sp_log_field)SP_I("claim_no", e->claim_no);
	if (e->evaluator_id) f[n++] = (struct sp_log_field)SP_S("evaluator_id", e->evaluator_id);
	if (e->request_id) f[n++] = (struct sp_log_field)SP_S("request_id", e->request_id);
	if (e->queue_ns >= 0) f[n++] = (struct sp_log_field)SP_MS("queue_ms", e->queue_ns);
	if (e->run_ns >= 0) f[n++] = (struct sp_log_field)SP_MS("run_ms", e->run_ns);
	if (e->total_ns >= 0) f[n++] = (struct sp_log_field)SP_MS("total_ms", e->total_ns);
	if (e->error) f[n++] = (struct sp_log_field)SP_S("error", e->error);
	sp_log_write(SP_LOG_INFO, component, "finished", f);
}
