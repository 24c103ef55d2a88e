/* SPDX-License-Identifier: MIT */
#include "store_front.h"

#define FRONT ((struct store_front *)s)

/* Defines f_<op>: the operation of the real store, unless it is to fail. */
#define FORWARD(table, op, params, args) \
	static int f_##op params \
	{ \
		struct sp_store *real = FRONT->real; \
		if (FRONT->before && FRONT->before(FRONT, #op, err) != 0) return -1; \
		return real->table->op args; \
	}

FORWARD(ops, create,
        (struct sp_store * s, const struct sp_new_evaluation *in, enum sp_create_outcome *outcome, struct sp_evaluation *out,
                struct sp_err *err),
        (real, in, outcome, out, err))
FORWARD(ops, claim,
        (struct sp_store * s, const struct sp_claim_request *in, enum sp_claim_outcome *outcome, struct sp_stored *out, struct sp_err *err),
        (real, in, outcome, out, err))
FORWARD(ops, release, (struct sp_store * s, const struct sp_id *id, int64_t claim_no, bool began, bool *applied, struct sp_err *err),
        (real, id, claim_no, began, applied, err))
FORWARD(ops, finish, (struct sp_store * s, const struct sp_finish *in, bool *applied, struct sp_err *err), (real, in, applied, err))
FORWARD(ops, renew,
        (struct sp_store * s, const char *evaluator_id, int64_t lease_ms, struct sp_lease *leases, size_t n, struct sp_err *err),
        (real, evaluator_id, lease_ms, leases, n, err))
FORWARD(ops, get, (struct sp_store * s, const struct sp_id *id, bool with_data, struct sp_stored *out, struct sp_err *err),
        (real, id, with_data, out, err))
FORWARD(ops, scan, (struct sp_store * s, const struct sp_scan_request *in, struct sp_scan_item *items, size_t max, struct sp_err *err),
        (real, in, items, max, err))
FORWARD(ops, sweep, (struct sp_store * s, const struct sp_id *ids, size_t n, bool *terminal, struct sp_err *err),
        (real, ids, n, terminal, err))
FORWARD(ops, cancel, (struct sp_store * s, const struct sp_id *id, enum sp_cancel why, struct sp_evaluation *out, struct sp_err *err),
        (real, id, why, out, err))

FORWARD(accounts, user_add, (struct sp_store * s, const struct sp_new_user *in, struct sp_user *out, struct sp_err *err),
        (real, in, out, err))
FORWARD(accounts, user_get, (struct sp_store * s, const struct sp_id *id, const char *email, struct sp_user *out, struct sp_err *err),
        (real, id, email, out, err))
FORWARD(accounts, user_list, (struct sp_store * s, const struct sp_id *before, struct sp_user *out, size_t max, struct sp_err *err),
        (real, before, out, max, err))
FORWARD(accounts, user_delete, (struct sp_store * s, const struct sp_id *id, struct sp_err *err), (real, id, err))
FORWARD(accounts, key_add,
        (struct sp_store * s, const struct sp_id *user_id, const struct sp_new_key *in, struct sp_key *out, struct sp_err *err),
        (real, user_id, in, out, err))
FORWARD(accounts, key_get, (struct sp_store * s, const char *key_id, struct sp_key *key, struct sp_user *user, struct sp_err *err),
        (real, key_id, key, user, err))
FORWARD(accounts, key_list, (struct sp_store * s, const struct sp_id *user_id, struct sp_key *out, size_t max, struct sp_err *err),
        (real, user_id, out, max, err))
FORWARD(accounts, key_revoke,
        (struct sp_store * s, const char *key_id, const struct sp_id *user_id, struct sp_key *out, struct sp_err *err),
        (real, key_id, user_id, out, err))
FORWARD(accounts, ensure_admin, (struct sp_store * s, const struct sp_new_user *in, bool *made, struct sp_err *err), (real, in, made, err))
FORWARD(accounts, auth_configured, (struct sp_store * s, bool *out, struct sp_err *err), (real, out, err))

FORWARD(history, list, (struct sp_store * s, const struct sp_list_request *in, struct sp_list_page *out, struct sp_err *err),
        (real, in, out, err))
FORWARD(history, erase, (struct sp_store * s, const struct sp_id *id, struct sp_evaluation *out, struct sp_err *err), (real, id, out, err))
FORWARD(history, expire, (struct sp_store * s, const struct sp_retention *in, struct sp_expired *out, struct sp_err *err),
        (real, in, out, err))
FORWARD(history, statistics, (struct sp_store * s, struct sp_statistics *out, struct sp_err *err), (real, out, err))

static void f_close(struct sp_store *s) {}

void store_front_init(
        struct store_front *f, struct sp_store *real, int (*before)(struct store_front *f, const char *op, struct sp_err *err))
{
	*f = (struct store_front){
	        .real = real,
	        .before = before,
	        .ops = {"front", f_create, f_claim, f_release, f_finish, f_renew, f_get, f_scan, f_sweep, f_cancel, f_close},
	        .accounts = {f_user_add, f_user_get, f_user_list, f_user_delete, f_key_add, f_key_get, f_key_list, f_key_revoke,
	                f_ensure_admin, f_auth_configured},
	        .history = {f_list, f_erase, f_expire, f_statistics},
	};
	f->super = (struct sp_store){&f->ops, &f->accounts, &f->history};
}
