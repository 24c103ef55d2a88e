/* SPDX-License-Identifier: MIT */
/* A store in front of another one: every operation can be made to fail, or be replaced, and else is the other one's. */
#ifndef SP_TESTS_STORE_FRONT_H
#define SP_TESTS_STORE_FRONT_H

#include "store/accounts.h"
#include "store/history.h"
#include "store/store.h"

struct store_front {
	struct sp_store super; /* its tables point to those below */
	struct sp_store *real; /* borrowed: closing the front does not close it */
	/* Before each operation but close, on the caller's thread. op: its name, as in the tables. Other than 0 with *err filled in: the operation fails with that. */
	int (*before)(struct store_front *f, const char *op, struct sp_err *err);
	struct sp_store_ops ops; /* to be changed by the test, before use */
	struct sp_store_accounts_ops accounts;
	struct sp_store_history_ops history;
};

/* before NULL: nothing fails. The front must not be moved afterwards. */
void store_front_init(
        struct store_front *f, struct sp_store *real, int (*before)(struct store_front *f, const char *op, struct sp_err *err));

#endif
