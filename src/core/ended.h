/* SPDX-License-Identifier: MIT */
/* The end of an evaluation, as the log and the metrics have it: one line and one count, by whoever has stored the end. */
#ifndef SP_CORE_ENDED_H
#define SP_CORE_ENDED_H

#include "core/language.h"
#include "store/record.h"

struct sp_ended {
	const struct sp_id *id;
	const char *language; /* of the row */
	int64_t claim_no; /* 0: never claimed */
	enum sp_status status;
	const char *verdict; /* NULL or "": none */
	const char *reason; /* its code; NULL: none */
	const char *evaluator_id, *request_id; /* NULL: none */
	const char *error; /* what went wrong on our side; NULL: nothing */
	int64_t queue_ns, run_ns, total_ns; /* -1: not known */
};

/* Call it once the end is durable, and only for the change itself: not for an evaluation that had ended before. Any thread. */
void sp_evaluation_ended(const char *component, const struct sp_languages *languages, const struct sp_ended *e);

/* What stands in the label `language`: the canonical id, or "unknown" when this process has no such language. Static as long as the languages are. */
const char *sp_language_label(const struct sp_languages *languages, const char *name);
const char *sp_class_name(enum sp_class class_); /* "interactive", "bulk" */

#endif
