/* SPDX-License-Identifier: MIT */
#include "store/record.h"

#include <stdlib.h>

static void bytes_fini(struct sp_bytes *b)
{
	free(b->p);
	*b = (struct sp_bytes){0};
}

void sp_evaluation_data_fini(struct sp_evaluation_data *d)
{
	bytes_fini(&d->request);
	bytes_fini(&d->result);
	bytes_fini(&d->output);
	bytes_fini(&d->segments);
	bytes_fini(&d->compile_output);
}

void sp_stored_fini(struct sp_stored *s) { sp_evaluation_data_fini(&s->data); }

bool sp_status_terminal(enum sp_status s) { return s != SP_STATUS_CREATED && s != SP_STATUS_EVALUATING; }

const char *sp_status_name(enum sp_status s)
{
	switch (s) {
	case SP_STATUS_CREATED: return "created";
	case SP_STATUS_EVALUATING: return "evaluating";
	case SP_STATUS_FINISHED: return "finished";
	case SP_STATUS_TIMEOUT: return "timeout";
	case SP_STATUS_FAILED: return "failed";
	case SP_STATUS_CANCELED: return "canceled";
	}
	return "unknown";
}
