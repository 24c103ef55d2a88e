/* SPDX-License-Identifier: MIT */
/* What is kept of evaluations: lists, erasing, retention, figures. General rules: store/store.h. */
#ifndef SP_STORE_HISTORY_H
#define SP_STORE_HISTORY_H

#include "store/store.h"

#define SP_LIST_MAX 200
/* One call looks at so many rows at most, so that a filter that fits nothing costs a bounded time however much is stored. */
#define SP_LIST_LOOKS 20000

/* Pointers borrowed for the call. Filters that are NULL or 0 do not filter. */
struct sp_list_request {
	bool all_users; /* everybody's and those of open mode; user_id is ignored */
	const struct sp_id *user_id; /* NULL: those of open mode */
	const enum sp_status *status;
	const char *verdict, *language, *reference;
	int64_t created_after_ms, created_before_ms; /* after <= created_at < before */
	const struct sp_id *before; /* only ids below this, as sp_list_page.next of the page before; NULL: from the newest */
	size_t limit; /* 1 to SP_LIST_MAX */
};

/* Newest (greatest id) first. A page may be shorter than limit, even empty, though there is more: `more` tells, not the number of items. */
struct sp_list_page {
	struct sp_evaluation *items; /* the caller's, of limit elements */
	size_t n;
	bool more;
	struct sp_id next; /* when more: where the next page begins. To clients it goes as a cursor: core/cursor.h */
};

struct sp_retention {
	int64_t rows_ms, data_ms, idempotency_ms; /* ages: ended evaluations, their data, idempotency keys; revoked keys go with rows */
	int64_t max; /* of each kind at most so many in this call */
};

struct sp_expired {
	int64_t rows, data, idempotency_keys, keys;
	int64_t leftovers; /* evaluations of users whose deletion was interrupted */
	bool more; /* a bound was reached: call again */
};

struct sp_statistics {
	int64_t waiting[SP_CLASSES]; /* status created */
	int64_t oldest_waiting_ms[SP_CLASSES]; /* age of the oldest of these; 0: none waits */
	int64_t running; /* status evaluating */
};

struct sp_store_history_ops {
	/* API work thread. */
	int (*list)(struct sp_store *s, const struct sp_list_request *in, struct sp_list_page *out, struct sp_err *err);
	/* API work thread: row, data and idempotency key are gone when it returns. *out is the row as it was: if it was evaluating, its evaluator finds the claim lost when it renews. SP_E_NOT_FOUND. */
	int (*erase)(struct sp_store *s, const struct sp_id *id, struct sp_evaluation *out, struct sp_err *err);
	/* Janitor: a bounded part of what is due, in small transactions that let other writers in between; also gives a little space back to the file system. Never takes what has not ended. */
	int (*expire)(struct sp_store *s, const struct sp_retention *in, struct sp_expired *out, struct sp_err *err);
	/* Metrics, some times a minute: one query, over what waits and runs only. */
	int (*statistics)(struct sp_store *s, struct sp_statistics *out, struct sp_err *err);
};

int sp_store_list(struct sp_store *s, const struct sp_list_request *in, struct sp_list_page *out, struct sp_err *err) SP_MUSTCHECK;
int sp_store_erase(struct sp_store *s, const struct sp_id *id, struct sp_evaluation *out, struct sp_err *err) SP_MUSTCHECK;
int sp_store_expire(struct sp_store *s, const struct sp_retention *in, struct sp_expired *out, struct sp_err *err) SP_MUSTCHECK;
int sp_store_statistics(struct sp_store *s, struct sp_statistics *out, struct sp_err *err) SP_MUSTCHECK;

#endif
