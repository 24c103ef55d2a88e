/* SPDX-License-Identifier: MIT */
/* The contract of store/history.h, run for every back-end. */
#include "store_support.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

static void nap(void) { nanosleep(&(struct timespec){.tv_nsec = SP_NS_PER_MS}, NULL); }

/* ---- lists ---- */

#define ALL 64

/* All pages of a list, put together; each but the last is full. */
static size_t list(struct sp_store *s, struct sp_list_request in, struct sp_evaluation out[ALL])
{
	struct sp_list_page page = {0};
	struct sp_err err = {0};
	size_t n = 0;

	do {
		assert_true(n + in.limit <= ALL + in.limit);
		page.items = out + n;
		if (sp_store_list(s, &in, &page, &err) != 0) fail_msg("%s", err.msg);
		assert_true(page.n == in.limit || !page.more);
		n += page.n;
		in.before = &page.next;
	} while (page.more);
	for (size_t i = 1; i < n; i++) assert_true(memcmp(out[i - 1].id.b, out[i].id.b, sizeof(out[i].id.b)) > 0);
	return n;
}

static size_t count(struct sp_store *s, struct sp_list_request in)
{
	struct sp_evaluation items[2 * ALL];

	in.limit = 50;
	return list(s, in, items);
}

static void end_as(struct sp_store *s, const struct sp_id *id, enum sp_status status, const char *verdict)
{
	struct sp_finish f = {.id = *id, .claim_no = 1, .status = status, .verdict = verdict};
	bool applied = false;

	assert_int_equal(must_claim(s, id, LONG_LEASE_MS, NULL), SP_CLAIM_MINE);
	assert_int_equal(sp_store_finish(s, &f, &applied, NULL), 0);
	assert_true(applied);
}

static void pages(void **state)
{
	struct sp_store *s = *state;
	struct sp_evaluation items[2 * ALL], row;
	struct sp_id ids[20];

	assert_int_equal(count(s, (struct sp_list_request){.all_users = true}), 0);
	for (int i = 0; i < 20; i++) ids[i] = must_create(s, "x");
	for (size_t limit = 1; limit <= 21; limit += limit < 4 ? 1 : 4) {
		assert_int_equal(list(s, (struct sp_list_request){.all_users = true, .limit = limit}, items), 20);
		for (int i = 0; i < 20; i++) assert_true(sp_id_equal(&items[i].id, &ids[19 - i]));
	}
	row = must_row(s, &ids[7]);
	assert_same_row(&items[12], &row);
	/* What comes meanwhile does not move the pages: they go by ids. */
	struct sp_list_page page = {.items = items};
	struct sp_list_request in = {.all_users = true, .limit = 5};
	assert_int_equal(sp_store_list(s, &in, &page, NULL), 0);
	assert_true(page.more);
	must_create(s, "newer");
	assert_int_equal(sp_store_erase(s, &ids[15], &row, NULL), 0); /* the last of that page */
	in.before = &page.next;
	assert_int_equal(sp_store_list(s, &in, &page, NULL), 0);
	assert_int_equal(page.n, 5);
	assert_true(sp_id_equal(&items[0].id, &ids[14]));
}

static void filters(void **state)
{
	struct sp_store *s = *state;
	const enum sp_status created = SP_STATUS_CREATED, evaluating = SP_STATUS_EVALUATING, finished = SP_STATUS_FINISHED,
	                     canceled = SP_STATUS_CANCELED;
	const char *const languages[] = {"node", "ruby", "python"}, *const references[] = {NULL, "hw1", "hw2", "hw1"};
	struct sp_evaluation items[2 * ALL];
	struct sp_id ids[24];

	for (int i = 0; i < 24; i++) {
		struct sp_new_evaluation in = new_evaluation("x");
		in.language = languages[i % 3];
		in.reference = references[i % 4];
		must_create_as(s, &in);
		ids[i] = in.id;
	}
	for (int i = 0; i < 8; i++)
		end_as(s, &ids[i], i == 7 ? SP_STATUS_TIMEOUT : SP_STATUS_FINISHED, i == 7 ? "wall_limit" : i % 2 ? "ok" : "nonzero_exit");
	assert_int_equal(must_claim(s, &ids[8], LONG_LEASE_MS, NULL), SP_CLAIM_MINE);
	(void)must_cancel(s, &ids[9]);

#define COUNT(...) count(s, (struct sp_list_request){.all_users = true, __VA_ARGS__})
	assert_int_equal(COUNT(.status = NULL), 24);
	assert_int_equal(COUNT(.status = &created), 14);
	assert_int_equal(COUNT(.status = &evaluating), 1);
	assert_int_equal(COUNT(.status = &finished), 7);
	assert_int_equal(COUNT(.status = &canceled), 1);
	assert_int_equal(COUNT(.language = "ruby"), 8);
	assert_int_equal(COUNT(.language = "cobol"), 0);
	assert_int_equal(COUNT(.verdict = "ok"), 3);
	assert_int_equal(COUNT(.verdict = "wall_limit"), 1);
	assert_int_equal(COUNT(.verdict = "ok", .status = &created), 0);
	assert_int_equal(COUNT(.reference = "hw1"), 12);
	assert_int_equal(COUNT(.reference = "hw2"), 6);
	assert_int_equal(COUNT(.reference = "hw"), 0);
	assert_int_equal(COUNT(.reference = "hw1", .language = "node"), 4);
	assert_int_equal(COUNT(.reference = "hw1", .verdict = "ok", .status = &finished), 3);
#undef COUNT
	assert_int_equal(list(s, (struct sp_list_request){.all_users = true, .reference = "hw2", .limit = 4}, items), 6);
	for (int i = 0; i < 6; i++) assert_true(sp_id_equal(&items[i].id, &ids[22 - 4 * i]));
}

static void times(void **state)
{
	struct sp_store *s = *state;
	struct sp_id ids[3];
	int64_t at[3];

	for (int i = 0; i < 3; i++) {
		ids[i] = must_create(s, "x");
		at[i] = must_row(s, &ids[i]).created_at_ms;
		while (sp_wall_ms() <= at[i]) nap();
	}
#define COUNT(...) count(s, (struct sp_list_request){.all_users = true, __VA_ARGS__})
	/* after <= created_at < before */
	assert_int_equal(COUNT(.created_after_ms = at[0]), 3);
	assert_int_equal(COUNT(.created_after_ms = at[0] + 1), 2);
	assert_int_equal(COUNT(.created_after_ms = at[2] + 1), 0);
	assert_int_equal(COUNT(.created_before_ms = at[0]), 0);
	assert_int_equal(COUNT(.created_before_ms = at[0] + 1), 1);
	assert_int_equal(COUNT(.created_before_ms = at[2] + 1), 3);
	assert_int_equal(COUNT(.created_after_ms = at[1], .created_before_ms = at[2]), 1);
	assert_int_equal(COUNT(.created_after_ms = at[2], .created_before_ms = at[0]), 0);
	/* Far from now there is nothing to look at. */
	assert_int_equal(COUNT(.created_before_ms = 1), 0);
	assert_int_equal(COUNT(.created_after_ms = (INT64_C(1) << 48) - 1), 0);
	/* The time in an id is that of its maker and may be some minutes off; created_at counts. */
	for (int sign = -1; sign <= 1; sign += 2) {
		struct sp_new_evaluation in = new_evaluation("x");
		in.id = sp_id_floor(sp_wall_ms() + sign * 300000);
		in.language = "ruby";
		must_create_as(s, &in);
		int64_t created = must_row(s, &in.id).created_at_ms;
		assert_int_equal(COUNT(.language = "ruby", .created_after_ms = created, .created_before_ms = created + 1), 1);
		struct sp_evaluation row;
		assert_int_equal(sp_store_erase(s, &in.id, &row, NULL), 0);
	}
	/* With a page's end in them. */
	assert_int_equal(COUNT(.created_before_ms = at[2] + 1, .before = &ids[1]), 1);
#undef COUNT
}

static void users_see_their_own(void **state)
{
	struct sp_store *s = *state;
	struct sp_user a = must_user(s, "a@example.org"), b = must_user(s, "b@example.org"), c = must_user(s, "c@example.org");
	struct sp_key ka = must_key(s, &a), kb = must_key(s, &b);

	for (int i = 0; i < 30; i++) {
		struct sp_new_evaluation in = i % 3 == 0 ? new_of(&a, &ka) : i % 3 == 1 ? new_of(&b, &kb) : new_evaluation("x");
		if (i % 2) in.reference = "odd";
		must_create_as(s, &in);
	}
	assert_int_equal(count(s, (struct sp_list_request){.all_users = true}), 30);
	assert_int_equal(count(s, (struct sp_list_request){.user_id = &a.id}), 10);
	assert_int_equal(count(s, (struct sp_list_request){.user_id = &b.id}), 10);
	assert_int_equal(count(s, (struct sp_list_request){.user_id = &c.id}), 0);
	assert_int_equal(count(s, (struct sp_list_request){.user_id = NULL}), 10);
	assert_int_equal(count(s, (struct sp_list_request){.user_id = &a.id, .all_users = true}), 30);
	assert_int_equal(count(s, (struct sp_list_request){.user_id = &a.id, .reference = "odd"}), 5);
	assert_int_equal(count(s, (struct sp_list_request){.reference = "odd"}), 5);
	assert_int_equal(count(s, (struct sp_list_request){.all_users = true, .reference = "odd"}), 15);
	struct sp_evaluation items[2 * ALL];
	size_t n = list(s, (struct sp_list_request){.user_id = &b.id, .limit = 3}, items);
	for (size_t i = 0; i < n; i++) assert_true(items[i].has_user && sp_id_equal(&items[i].user_id, &b.id));
}

static void refused_lists(void **state)
{
	struct sp_store *s = *state;
	enum sp_status status = (enum sp_status)6;
	char longest[200];
	const struct sp_list_request bad[] = {{.limit = 0}, {.limit = SP_LIST_MAX + 1}, {.limit = 1, .status = &status},
	        {.limit = 1, .verdict = longest}, {.limit = 1, .language = longest}, {.limit = 1, .reference = longest},
	        {.limit = 1, .created_after_ms = -1}, {.limit = 1, .created_before_ms = INT64_C(1) << 48}};
	struct sp_evaluation items[1];
	struct sp_list_page page = {.items = items};
	struct sp_err err = {0};

	memset(longest, 'x', sizeof(longest));
	longest[129] = '\0';
	for (size_t i = 0; i < SP_COUNT(bad); i++) {
		assert_int_equal(sp_store_list(s, &bad[i], &page, &err), -1);
		assert_err(&err, SP_E_INVALID, "store: list: ");
	}
}

/* ---- erase ---- */

static void erases(void **state)
{
	struct sp_store *s = *state;
	struct sp_id waits = must_create(s, "x"), runs = must_create(s, "x"), ended = must_create(s, "x"), stays = must_create(s, "x");
	struct sp_lease lease = {.id = runs, .claim_no = 1};
	struct sp_evaluation row, want;
	struct sp_stored st;
	struct sp_err err = {0};
	bool terminal = false;

	assert_int_equal(must_claim(s, &runs, LONG_LEASE_MS, NULL), SP_CLAIM_MINE);
	assert_int_equal(must_claim(s, &ended, LONG_LEASE_MS, NULL), SP_CLAIM_MINE);
	assert_true(must_finish(s, &ended, 1, "output"));
	const struct sp_id *const gone[] = {&waits, &runs, &ended};
	for (size_t i = 0; i < SP_COUNT(gone); i++) {
		want = must_row(s, gone[i]);
		assert_int_equal(sp_store_erase(s, gone[i], &row, &err), 0);
		assert_same_row(&row, &want);
		assert_false(exists(s, gone[i]));
		assert_int_equal(sp_store_get(s, gone[i], true, &st, &err), -1);
		assert_int_equal(must_claim(s, gone[i], LONG_LEASE_MS, NULL), SP_CLAIM_ABSENT);
		assert_int_equal(sp_store_sweep(s, gone[i], 1, &terminal, &err), 0);
		assert_true(terminal);
		assert_int_equal(sp_store_erase(s, gone[i], &row, &err), -1);
		assert_err(&err, SP_E_NOT_FOUND, "no such evaluation");
		assert_int_equal(row.created_at_ms, 0);
	}
	assert_true(exists(s, &stays));
	/* Its evaluator finds out, and its result is nobody's. */
	assert_int_equal(sp_store_renew(s, EVALUATOR, LONG_LEASE_MS, &lease, 1, &err), 0);
	assert_true(lease.lost);
	assert_false(must_finish(s, &runs, 1, "late"));
	assert_false(exists(s, &runs));
	/* One waits. */
	struct sp_new_evaluation in = new_evaluation("x");
	in.max_waiting = 2;
	assert_int_equal(try_create(s, &in, NULL), SP_CREATE_NEW);
	in.id = sp_id_new();
	assert_int_equal(try_create(s, &in, NULL), SP_CREATE_QUEUE_FULL);
}

/* ---- retention ---- */

#define LONG_MS INT64_C(3600000)

static struct sp_expired must_expire(struct sp_store *s, struct sp_retention in)
{
	struct sp_expired out;
	struct sp_err err = {0};

	if (sp_store_expire(s, &in, &out, &err) != 0) fail_msg("%s", err.msg);
	return out;
}

static void keeps_what_is_young(void **state)
{
	struct sp_store *s = *state;
	struct sp_id id = must_create(s, "x");

	end_as(s, &id, SP_STATUS_FINISHED, "ok");
	struct sp_expired done = must_expire(s, (struct sp_retention){LONG_MS, LONG_MS, LONG_MS, 100});
	assert_int_equal(done.rows + done.data + done.idempotency_keys + done.keys + done.leftovers, 0);
	assert_false(done.more);
	assert_true(exists(s, &id));
}

static void forgets_data_first(void **state)
{
	struct sp_store *s = *state;
	struct sp_id id = must_create(s, "x"), waits = must_create(s, "request"), runs = must_create(s, "x");
	struct sp_stored st;

	assert_int_equal(must_claim(s, &runs, LONG_LEASE_MS, NULL), SP_CLAIM_MINE);
	assert_int_equal(must_claim(s, &id, LONG_LEASE_MS, NULL), SP_CLAIM_MINE);
	assert_true(must_finish(s, &id, 1, "output"));
	must_get(s, &id, true, &st);
	assert_true(st.has_data);
	sp_stored_fini(&st);
	struct sp_expired done = {0};
	while (done.data == 0) {
		nap();
		done = must_expire(s, (struct sp_retention){LONG_MS, 1, LONG_MS, 100});
	}
	assert_int_equal(done.data, 1);
	assert_int_equal(done.rows, 0);
	must_get(s, &id, true, &st);
	assert_false(st.has_data);
	assert_null(st.data.output.p);
	assert_null(st.data.result.p);
	assert_string_equal(st.row.verdict, "ok");
	sp_stored_fini(&st);
	assert_int_equal(count(s, (struct sp_list_request){.all_users = true}), 3);
	/* What has not ended keeps its request, however old it is. */
	assert_int_equal(must_claim(s, &waits, LONG_LEASE_MS, &st), SP_CLAIM_MINE);
	assert_bytes(&st.data.request, "request");
	sp_stored_fini(&st);
	assert_true(must_finish(s, &runs, 1, "output"));
}

static void forgets_in_bounded_parts(void **state)
{
	struct sp_store *s = *state;
	struct sp_id ids[25], waits, runs;
	int64_t rows = 0;
	int rounds = 0;

	waits = must_create(s, "x");
	runs = must_create(s, "x");
	assert_int_equal(must_claim(s, &runs, LONG_LEASE_MS, NULL), SP_CLAIM_MINE);
	for (int i = 0; i < 25; i++) {
		ids[i] = must_create(s, "x");
		if (i % 2)
			(void)must_cancel(s, &ids[i]);
		else
			end_as(s, &ids[i], SP_STATUS_FINISHED, "ok");
	}
	struct sp_evaluation row = must_row(s, &ids[24]);
	while (sp_wall_ms() <= row.finished_at_ms + 50) nap();
	struct sp_expired done;
	do {
		done = must_expire(s, (struct sp_retention){1, LONG_MS, LONG_MS, 10});
		assert_true(done.rows <= 10);
		rows += done.rows;
		rounds++;
	} while (done.more);
	assert_int_equal(rows, 25);
	assert_int_equal(rounds, 3);
	for (int i = 0; i < 25; i++) assert_false(exists(s, &ids[i]));
	/* Never what has not ended. */
	assert_int_equal(must_row(s, &waits).status, SP_STATUS_CREATED);
	assert_true(must_finish(s, &runs, 1, "output"));
}

static void forgets_keys(void **state)
{
	struct sp_store *s = *state;
	struct sp_user u = must_user(s, "a@example.org");
	struct sp_key works = must_key(s, &u), revoked = must_key(s, &u), list_of[4];
	struct sp_err err = {0};

	assert_int_equal(sp_store_key_revoke(s, revoked.id, NULL, &revoked, &err), 0);
	for (int i = 0; i < 12; i++) {
		char key[8];
		struct sp_new_evaluation in = new_evaluation("x");
		snprintf(key, sizeof(key), "k%d", i);
		in.idempotency_key = key;
		in.idempotency_keep_ms = LONG_MS;
		must_create_as(s, &in);
	}
	struct sp_expired done = must_expire(s, (struct sp_retention){LONG_MS, LONG_MS, LONG_MS, 100});
	assert_int_equal(done.keys + done.idempotency_keys, 0);
	while (sp_wall_ms() <= revoked.revoked_at_ms + 50) nap();
	done = must_expire(s, (struct sp_retention){1, LONG_MS, 1, 7});
	assert_int_equal(done.keys, 1);
	assert_int_equal(sp_store_key_list(s, &u.id, list_of, 4, &err), 1);
	assert_string_equal(list_of[0].id, works.id);
	int64_t n = done.idempotency_keys;
	for (int i = 0; n < 12; i++) {
		assert_true(i < 1000);
		nap();
		done = must_expire(s, (struct sp_retention){LONG_MS, LONG_MS, 1, 7});
		assert_true(done.idempotency_keys <= 7);
		n += done.idempotency_keys;
	}
	/* The evaluations stay, the keys are free. */
	assert_int_equal(count(s, (struct sp_list_request){.all_users = true}), 12);
	struct sp_new_evaluation in = new_evaluation("x");
	in.idempotency_key = "k3";
	in.idempotency_keep_ms = LONG_MS;
	assert_int_equal(try_create(s, &in, NULL), SP_CREATE_NEW);
}

static void refused_retention(void **state)
{
	struct sp_store *s = *state;
	const struct sp_retention bad[] = {{0, 1, 1, 1}, {1, 0, 1, 1}, {1, 1, 0, 1}, {1, 1, 1, 0}};
	struct sp_expired out;
	struct sp_err err = {0};

	for (size_t i = 0; i < SP_COUNT(bad); i++) {
		assert_int_equal(sp_store_expire(s, &bad[i], &out, &err), -1);
		assert_err(&err, SP_E_INVALID, "store: expire: ");
	}
}

/* ---- statistics ---- */

static struct sp_statistics must_count(struct sp_store *s)
{
	struct sp_statistics st;
	struct sp_err err = {0};

	if (sp_store_statistics(s, &st, &err) != 0) fail_msg("%s", err.msg);
	return st;
}

static void statistics(void **state)
{
	struct sp_store *s = *state;
	struct sp_statistics st = must_count(s);
	struct sp_id ids[5];

	assert_int_equal(st.waiting[0] + st.waiting[1] + st.running + st.oldest_waiting_ms[0] + st.oldest_waiting_ms[1], 0);
	for (int i = 0; i < 5; i++) {
		struct sp_new_evaluation in = new_evaluation("x");
		in.class_ = i < 3 ? SP_CLASS_BULK : SP_CLASS_INTERACTIVE;
		must_create_as(s, &in);
		ids[i] = in.id;
		if (i == 2)
			while (sp_wall_ms() <= sp_id_ms(&ids[2]) + 20) nap();
	}
	st = must_count(s);
	assert_int_equal(st.waiting[SP_CLASS_BULK], 3);
	assert_int_equal(st.waiting[SP_CLASS_INTERACTIVE], 2);
	assert_int_equal(st.running, 0);
	assert_true(st.oldest_waiting_ms[SP_CLASS_BULK] >= 20);
	assert_true(st.oldest_waiting_ms[SP_CLASS_BULK] > st.oldest_waiting_ms[SP_CLASS_INTERACTIVE]);
	assert_true(st.oldest_waiting_ms[SP_CLASS_BULK] <= sp_wall_ms() - sp_id_ms(&ids[0]));
	assert_int_equal(must_claim(s, &ids[0], LONG_LEASE_MS, NULL), SP_CLAIM_MINE);
	assert_int_equal(must_claim(s, &ids[3], 1, NULL), SP_CLAIM_MINE); /* one whose lease is over is still one that runs */
	st = must_count(s);
	assert_int_equal(st.waiting[SP_CLASS_BULK], 2);
	assert_int_equal(st.waiting[SP_CLASS_INTERACTIVE], 1);
	assert_int_equal(st.running, 2);
	assert_true(must_finish(s, &ids[0], 1, ""));
	for (int i = 1; i < 5; i++) (void)must_cancel(s, &ids[i]);
	st = must_count(s);
	assert_int_equal(st.waiting[0] + st.waiting[1] + st.oldest_waiting_ms[0] + st.oldest_waiting_ms[1], 0);
	assert_int_equal(st.running, 1);
}

static const struct CMUnitTest tests[] = {
        CONTRACT_TEST(pages),
        CONTRACT_TEST(filters),
        CONTRACT_TEST(times),
        CONTRACT_TEST(users_see_their_own),
        CONTRACT_TEST(refused_lists),
        CONTRACT_TEST(erases),
        CONTRACT_TEST(keeps_what_is_young),
        CONTRACT_TEST(forgets_data_first),
        CONTRACT_TEST(forgets_in_bounded_parts),
        CONTRACT_TEST(forgets_keys),
        CONTRACT_TEST(refused_retention),
        CONTRACT_TEST(statistics),
};

CONTRACT_MAIN(tests)
