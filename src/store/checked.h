/* SPDX-License-Identifier: MIT */
/* What the checked wrappers share: private to store.c, accounts.c and history.c. */
#ifndef SP_STORE_CHECKED_H
#define SP_STORE_CHECKED_H

#include "store/store.h"

/* More than any caller has at once; bounds the time that one call may hold the store. */
#define SP_STORE_ITEMS_MAX 100000

/* Ends a call: logs it when slow and gives its error the name of the operation and of the evaluation or user (NULL: none). */
int sp_store_done(const char *op, const struct sp_id *id, int64_t began, int rc, struct sp_err *err);
/* SP_E_INVALID: an argument that the caller should have refused. */
int sp_store_refuse(struct sp_err *err, const char *op, const char *what);
bool sp_store_fits(const char *s, size_t size); /* with its NUL; NULL fits */
bool sp_store_key_id_fine(const char *id);

#endif
