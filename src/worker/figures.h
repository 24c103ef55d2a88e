/* SPDX-License-Identifier: MIT */
/* What is said of the whole store and not of a process: how many wait, since when, and how many slots that asks for. Of all processes only the one whose janitor leads may say it. */
#ifndef SP_WORKER_FIGURES_H
#define SP_WORKER_FIGURES_H

#include "store/store.h"

/* Asks the store and sets the metrics; when it does not answer they are not shown. The janitor's thread. */
void sp_figures_update(struct sp_store *store);
/* Not shown from now on: this process leads no more. */
void sp_figures_hide(void);

#endif
