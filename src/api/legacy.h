/* SPDX-License-Identifier: MIT */
/*
 * The routes of the original proof of concept (/api/…), as a translation onto this API: its clients find their fields, their codes and their error texts, without its flaws. It knows the rest of the
 * API; the rest knows of it only that an evaluation may be answered in its form.
 */
#ifndef SP_API_LEGACY_H
#define SP_API_LEGACY_H

#include "api/evaluations.h"

/* An evaluation with the fields that the request brought: 200, or 422 when its program did not exit with 0, as the original had it; 202 while it has not ended. */
void sp_legacy_reply(struct sp_http_request *r, const struct sp_stored *s, const char *echo);
/* Of one of which no more can be shown now. */
void sp_legacy_reply_pending(struct sp_http_request *r, const struct sp_evaluation *row);
/* {"error": text} */
void sp_legacy_error(struct sp_http_request *r, int status, const char *text);
/* Whether a path is one of these. */
bool sp_legacy_path(const char *path);

void sp_legacy_health(struct sp_http_request *r, void *api);
void sp_legacy_list_users(struct sp_http_request *r, void *api);
void sp_legacy_post_user(struct sp_http_request *r, void *api);
void sp_legacy_get_key(struct sp_http_request *r, void *api);
void sp_legacy_post_evaluation(struct sp_http_request *r, void *api);

#endif
