/* SPDX-License-Identifier: MIT */
#include "worker/figures.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "core/ended.h"
#include "core/load.h"
#include "store/history.h"

void sp_figures_hide(void)
{
	sp_metric_hide(SP_M_WAITING);
	sp_metric_hide(SP_M_OLDEST_WAITING);
	sp_metric_hide(SP_M_SLOTS_WANTED);
}

void sp_figures_update(struct sp_store *store)
{
	struct sp_statistics s;
	struct sp_err err = {0};

	if (sp_store_statistics(store, &s, &err) < 0) {
		sp_log_debug("janitor", "no figures", SP_ERR(&err)); /* that the store is away is said by those who need it */
		sp_figures_hide();
		return;
	}
	for (int c = 0; c < SP_CLASSES; c++) {
		const char *name = sp_class_name((enum sp_class)c);
		sp_metric_gauge(SP_M_WAITING, (double)s.waiting[c], name);
		sp_metric_gauge(SP_M_OLDEST_WAITING, (double)s.oldest_waiting_ms[c] / 1000.0, name);
	}
	sp_metric_gauge(SP_M_SLOTS_WANTED, sp_load_slots_wanted(s.waiting, sp_mono_ns()));
}
