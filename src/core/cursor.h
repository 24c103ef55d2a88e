/* SPDX-License-Identifier: MIT */
/*
 * Cursors of lists: where the next page begins, as a text that clients hand back unread: 24 characters of base64url over version, kind, id. Not secret and not signed: an id in it that is not the caller's only says where to
 * begin among the caller's own.
 */
#ifndef SP_CORE_CURSOR_H
#define SP_CORE_CURSOR_H

#include "base/attr.h"
#include "base/id.h"

#define SP_CURSOR_LEN 25 /* with NUL */

/* Part of the text: a cursor of one list is refused by the others. Never renumber. */
enum sp_cursor_kind { SP_CURSOR_EVALUATIONS = 1, SP_CURSOR_USERS = 2 };

void sp_cursor_text(enum sp_cursor_kind kind, const struct sp_id *next, char out[SP_CURSOR_LEN]);
/* False: no cursor of this kind and version. */
bool sp_cursor_parse(enum sp_cursor_kind kind, const char *text, struct sp_id *next) SP_MUSTCHECK;

#endif
