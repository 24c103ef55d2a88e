/* SPDX-License-Identifier: MIT */
/* What the files about evaluations share: submit.c (POST), evaluations.c (one of them), list.c, output.c (raw), legacy.c (the original API). */
#ifndef SP_API_EVALUATIONS_H
#define SP_API_EVALUATIONS_H

#include "api/internal.h"
#include "core/language.h"
#include "core/result.h"

/* Runs what a body asks for, for the caller, and answers. echo: fields of the request, as JSON, for an answer in the form of the original API, NULL: in ours; malloc'ed, consumed. body: borrowed. */
void sp_api_submit(struct sp_api *a, struct sp_http_request *r, const struct sp_caller *caller, const struct sp_language *l, json_t *body,
        enum sp_encoding encoding, char *echo);

/* The evaluation that the path names, if the caller may see it. False after having answered. */
bool sp_api_load(struct sp_api *a, struct sp_http_request *r, const struct sp_caller *caller, bool with_data, struct sp_stored *out);
bool sp_api_take_encoding(struct sp_http_request *r, enum sp_encoding *out); /* ?encoding=; false after having answered */
void sp_api_note_evaluation(struct sp_http_request *r, const struct sp_id *id); /* for the request's line in the log */

/* Answers. created_here: by this request, so 202 with Location while it has not ended. echo: consumed. */
void sp_api_reply_stored(struct sp_http_request *r, const struct sp_stored *s, enum sp_encoding encoding, bool created_here, char *echo);
/* Answers when it has ended, or after wait_ms. row: as last seen. */
void sp_api_reply_or_wait(struct sp_api *a, struct sp_http_request *r, const struct sp_evaluation *row, enum sp_encoding encoding,
        int64_t wait_ms, bool created_here, char *echo);

/* What has ended, as it was when it had not: for whoever cannot be shown its result now. */
void sp_api_as_before_its_end(struct sp_evaluation *row);

struct sp_api_wait {
	enum sp_encoding encoding;
	bool created_here;
	bool cancel_when_gone; /* nobody else will ask for it: not begun, it is canceled when the client has left */
	int64_t wait_ms;
	char *echo; /* consumed */
};
/* The request is held and may be answered at any time from here on; it must not be touched after. */
void sp_api_wait_for(struct sp_api *a, struct sp_http_request *r, const struct sp_evaluation *row, const struct sp_api_wait *how);

#endif
