/* SPDX-License-Identifier: MIT */
/* The contract of store/accounts.h, run for every back-end. */
#include "store_support.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

static int64_t count_of(struct sp_store *s, const struct sp_user *u)
{
	struct sp_evaluation items[SP_LIST_MAX];
	struct sp_list_request in = {.user_id = &u->id, .limit = SP_LIST_MAX};
	struct sp_list_page page = {.items = items};
	struct sp_err err = {0};
	int64_t n = 0;

	do {
		if (sp_store_list(s, &in, &page, &err) != 0) fail_msg("%s", err.msg);
		n += (int64_t)page.n;
		in.before = &page.next;
	} while (page.more);
	return n;
}

static void assert_user(const struct sp_user *a, const struct sp_user *b)
{
	assert_true(sp_id_equal(&a->id, &b->id));
	assert_string_equal(a->email, b->email);
	assert_int_equal(a->role, b->role);
	assert_int_equal(a->created_at_ms, b->created_at_ms);
}

static void assert_key(const struct sp_key *a, const struct sp_key *b)
{
	assert_string_equal(a->id, b->id);
	assert_true(sp_id_equal(&a->user_id, &b->user_id));
	assert_memory_equal(a->hash, b->hash, sizeof(a->hash));
	assert_string_equal(a->name, b->name);
	assert_int_equal(a->rate_per_minute, b->rate_per_minute);
	assert_int_equal(a->max_waiting, b->max_waiting);
	assert_int_equal(a->max_running, b->max_running);
	assert_int_equal(a->created_at_ms, b->created_at_ms);
	assert_int_equal(a->revoked_at_ms, b->revoked_at_ms);
}

static struct sp_user must_get_user(struct sp_store *s, const struct sp_id *id, const char *email)
{
	struct sp_user u;
	struct sp_err err = {0};

	if (sp_store_user_get(s, id, email, &u, &err) != 0) fail_msg("%s", err.msg);
	return u;
}

static void assert_no_user(struct sp_store *s, const struct sp_id *id, const char *email)
{
	struct sp_user u;
	struct sp_err err = {0};

	assert_int_equal(sp_store_user_get(s, id, email, &u, &err), -1);
	assert_err(&err, SP_E_NOT_FOUND, "no such user");
}

static void assert_no_key(struct sp_store *s, const char *id)
{
	struct sp_key k;
	struct sp_user u;
	struct sp_err err = {0};

	assert_int_equal(sp_store_key_get(s, id, &k, &u, &err), -1);
	assert_err(&err, SP_E_NOT_FOUND, "no such key");
}

static void users(void **state)
{
	struct sp_store *s = *state;
	struct sp_new_user in = {.id = sp_id_new(), .email = "ana@example.org", .role = SP_ROLE_ADMIN};
	struct sp_user made, got;
	struct sp_err err = {0};
	int64_t before = sp_wall_ms();

	assert_int_equal(sp_store_user_add(s, &in, &made, &err), 0);
	assert_true(sp_id_equal(&made.id, &in.id));
	assert_string_equal(made.email, "ana@example.org");
	assert_int_equal(made.role, SP_ROLE_ADMIN);
	assert_true(made.created_at_ms >= before && made.created_at_ms <= sp_wall_ms());
	got = must_get_user(s, &in.id, NULL);
	assert_user(&made, &got);
	got = must_get_user(s, NULL, "ana@example.org");
	assert_user(&made, &got);
	struct sp_id other = sp_id_new();
	assert_no_user(s, &other, NULL);
	assert_no_user(s, NULL, "ana@example.or");

	/* The same email, and the same id. */
	in.id = other;
	in.role = SP_ROLE_USER;
	assert_int_equal(sp_store_user_add(s, &in, &got, &err), -1);
	assert_err(&err, SP_E_CONFLICT, "store: user_add: there is a user with this email");
	in.id = made.id;
	in.email = "bob@example.org";
	assert_int_equal(sp_store_user_add(s, &in, &got, &err), -1);
	assert_err(&err, SP_E_CONFLICT, "store: user_add: ");
	got = must_get_user(s, &made.id, NULL);
	assert_user(&made, &got);
}

static void a_user_with_a_key(void **state)
{
	struct sp_store *s = *state;
	struct sp_new_key key = new_key();
	struct sp_new_user in = {.id = sp_id_new(), .email = "ana@example.org", .key = &key};
	struct sp_user made, owner;
	struct sp_key k;
	struct sp_err err = {0};

	key.name = "laptop";
	key.rate_per_minute = 60;
	key.max_waiting = 7;
	key.max_running = 2;
	assert_int_equal(sp_store_user_add(s, &in, &made, &err), 0);
	assert_int_equal(sp_store_key_get(s, key.id, &k, &owner, &err), 0);
	assert_user(&made, &owner);
	assert_string_equal(k.id, key.id);
	assert_true(sp_id_equal(&k.user_id, &made.id));
	assert_memory_equal(k.hash, key.hash, sizeof(k.hash));
	assert_string_equal(k.name, "laptop");
	assert_int_equal(k.rate_per_minute, 60);
	assert_int_equal(k.max_waiting, 7);
	assert_int_equal(k.max_running, 2);
	assert_int_equal(k.revoked_at_ms, 0);
	assert_true(k.created_at_ms > 0);

	/* Both or none. */
	in.id = sp_id_new();
	in.email = "bob@example.org";
	assert_int_equal(sp_store_user_add(s, &in, &made, &err), -1);
	assert_err(&err, SP_E_CONFLICT, "insert the key");
	assert_no_user(s, NULL, "bob@example.org");
}

static void lists_of_users(void **state)
{
	struct sp_store *s = *state;
	struct sp_user made[7], page[8], all[8];
	struct sp_err err = {0};

	assert_int_equal(sp_store_user_list(s, NULL, page, 8, &err), 0);
	for (int i = 0; i < 7; i++) {
		char email[32];
		snprintf(email, sizeof(email), "%d@example.org", i);
		made[i] = must_user(s, email);
	}
	assert_int_equal(sp_store_user_list(s, NULL, all, 8, &err), 7);
	for (int i = 0; i < 7; i++) assert_user(&all[i], &made[6 - i]);
	const struct sp_id *before = NULL;
	int seen = 0, n;
	while ((n = sp_store_user_list(s, before, page, 3, &err)) > 0) {
		for (int i = 0; i < n; i++) assert_user(&page[i], &all[seen++]);
		before = &all[seen - 1].id;
	}
	assert_int_equal(seen, 7);
	assert_int_equal(sp_store_user_delete(s, &made[3].id, &err), 0);
	assert_int_equal(sp_store_user_list(s, NULL, page, 8, &err), 6);
	for (int i = 0; i < 6; i++) assert_false(sp_id_equal(&page[i].id, &made[3].id));
	assert_int_equal(sp_store_user_list(s, NULL, page, 0, &err), 0);
}

static void keys(void **state)
{
	struct sp_store *s = *state;
	struct sp_user u = must_user(s, "a@example.org"), other = must_user(s, "b@example.org"), owner;
	struct sp_new_key in = new_key();
	struct sp_key made, got, list[8];
	struct sp_id nobody = sp_id_new();
	struct sp_err err = {0};

	assert_int_equal(sp_store_key_add(s, &nobody, &in, &made, &err), -1);
	assert_err(&err, SP_E_NOT_FOUND, "no such user");
	assert_int_equal(sp_store_key_add(s, &u.id, &in, &made, &err), 0);
	assert_string_equal(made.name, "");
	assert_int_equal(sp_store_key_get(s, in.id, &got, &owner, &err), 0);
	assert_key(&made, &got);
	assert_user(&owner, &u);
	assert_int_equal(sp_store_key_add(s, &other.id, &in, &got, &err), -1);
	assert_err(&err, SP_E_CONFLICT, "store: key_add");
	assert_no_key(s, "0123456789abcdef");

	/* Newest first, and those that work before those that do not. */
	struct sp_key b = must_key(s, &u), c = must_key(s, &u);
	must_key(s, &other);
	assert_int_equal(sp_store_key_list(s, &u.id, list, 8, &err), 3);
	for (int i = 0; i < 2; i++) assert_true(list[i].created_at_ms >= list[i + 1].created_at_ms);
	assert_int_equal(sp_store_key_list(s, &u.id, list, 2, &err), 2);
	assert_int_equal(sp_store_key_list(s, &nobody, list, 8, &err), 0);

	/* Revoked by its owner; not by another, and another's looks absent. */
	assert_int_equal(sp_store_key_revoke(s, c.id, &other.id, &got, &err), -1);
	assert_err(&err, SP_E_NOT_FOUND, "no such key");
	assert_int_equal(sp_store_key_get(s, c.id, &got, &owner, &err), 0);
	assert_int_equal(sp_store_key_revoke(s, c.id, &u.id, &got, &err), 0);
	assert_true(got.revoked_at_ms > 0);
	assert_no_key(s, c.id);
	assert_int_equal(sp_store_key_list(s, &u.id, list, 8, &err), 3);
	assert_key(&list[2], &got);
	/* Twice is as once; by an admin. */
	struct sp_key again;
	assert_int_equal(sp_store_key_revoke(s, c.id, NULL, &again, &err), 0);
	assert_key(&got, &again);
	assert_int_equal(sp_store_key_revoke(s, b.id, NULL, &again, &err), 0);
	assert_no_key(s, b.id);
	assert_int_equal(sp_store_key_revoke(s, "0123456789abcdef", NULL, &again, &err), -1);
	assert_err(&err, SP_E_NOT_FOUND, "no such key");
	assert_int_equal(sp_store_key_get(s, in.id, &got, &owner, &err), 0);
}

static void too_many_keys(void **state)
{
	struct sp_store *s = *state;
	struct sp_user u = must_user(s, "a@example.org");
	struct sp_new_key in = new_key();
	struct sp_key k, first;
	struct sp_err err = {0};

	for (int i = 0; i < SP_USER_KEYS_MAX; i++) k = must_key(s, &u);
	assert_int_equal(sp_store_key_add(s, &u.id, &in, &first, &err), -1);
	assert_err(&err, SP_E_LIMIT, "the user has 100 keys (at most 100 work at a time); revoke one");
	assert_int_equal(sp_store_key_revoke(s, k.id, &u.id, &k, &err), 0);
	assert_int_equal(sp_store_key_add(s, &u.id, &in, &first, &err), 0);
}

static void deleting_a_user(void **state)
{
	struct sp_store *s = *state;
	struct sp_user u = must_user(s, "a@example.org"), other = must_user(s, "b@example.org"), got;
	struct sp_key k = must_key(s, &u), ko = must_key(s, &other);
	struct sp_new_evaluation in = new_of(&u, &k);
	struct sp_id waits = in.id, runs, ended, theirs, open = must_create(s, "open");
	struct sp_lease lease;
	struct sp_err err = {0};

	in.idempotency_key = "k";
	in.idempotency_keep_ms = 3600000;
	must_create_as(s, &in);
	in = new_of(&u, &k);
	runs = in.id;
	must_create_as(s, &in);
	in = new_of(&u, &k);
	ended = in.id;
	must_create_as(s, &in);
	in = new_of(&other, &ko);
	theirs = in.id;
	must_create_as(s, &in);
	assert_int_equal(must_claim(s, &runs, LONG_LEASE_MS, NULL), SP_CLAIM_MINE);
	assert_int_equal(must_claim(s, &ended, LONG_LEASE_MS, NULL), SP_CLAIM_MINE);
	assert_true(must_finish(s, &ended, 1, "output"));

	assert_int_equal(sp_store_user_delete(s, &u.id, &err), 0);
	assert_no_user(s, &u.id, NULL);
	assert_no_user(s, NULL, "a@example.org");
	assert_no_key(s, k.id);
	assert_false(exists(s, &waits) || exists(s, &runs) || exists(s, &ended));
	assert_true(exists(s, &theirs) && exists(s, &open));
	assert_int_equal(count_of(s, &u), 0);
	assert_int_equal(count_of(s, &other), 1);
	/* Who ran it finds out. */
	lease = (struct sp_lease){.id = runs, .claim_no = 1};
	assert_int_equal(sp_store_renew(s, EVALUATOR, LONG_LEASE_MS, &lease, 1, &err), 0);
	assert_true(lease.lost);
	assert_false(must_finish(s, &runs, 1, "late"));
	assert_int_equal(must_claim(s, &waits, LONG_LEASE_MS, NULL), SP_CLAIM_ABSENT);
	/* What waited waits no more. */
	in = new_evaluation("x");
	in.max_waiting = 3;
	assert_int_equal(try_create(s, &in, NULL), SP_CREATE_NEW);
	in.id = sp_id_new();
	assert_int_equal(try_create(s, &in, NULL), SP_CREATE_QUEUE_FULL);

	assert_int_equal(sp_store_user_delete(s, &u.id, &err), -1);
	assert_err(&err, SP_E_NOT_FOUND, "no such user");
	/* The email is free: another user, who has nothing of the first. */
	got = must_user(s, "a@example.org");
	assert_false(sp_id_equal(&got.id, &u.id));
	assert_int_equal(count_of(s, &got), 0);
}

static void deleting_a_user_with_many(void **state)
{
	struct sp_store *s = *state;
	struct sp_user u = must_user(s, "a@example.org"), other = must_user(s, "b@example.org");
	struct sp_key k = must_key(s, &u), ko = must_key(s, &other);
	struct sp_err err = {0};

	for (int i = 0; i < 700; i++) {
		struct sp_new_evaluation in = i % 7 ? new_of(&u, &k) : new_of(&other, &ko);
		must_create_as(s, &in);
	}
	assert_int_equal(count_of(s, &u), 600);
	assert_int_equal(sp_store_user_delete(s, &u.id, &err), 0);
	assert_int_equal(count_of(s, &u), 0);
	assert_int_equal(count_of(s, &other), 100);
}

static void admins(void **state)
{
	struct sp_store *s = *state;
	struct sp_new_key key = new_key();
	struct sp_new_user in = {.id = sp_id_new(), .email = "admin@example.org", .role = SP_ROLE_ADMIN, .key = &key};
	struct sp_err err = {0};
	struct sp_user u, owner;
	struct sp_key k;
	bool configured = true, made = false;

	assert_int_equal(sp_store_auth_configured(s, &configured, &err), 0);
	assert_false(configured);
	must_user(s, "user@example.org"); /* is no admin */
	assert_int_equal(sp_store_auth_configured(s, &configured, &err), 0);
	assert_false(configured);
	assert_int_equal(sp_store_ensure_admin(s, &in, &made, &err), 0);
	assert_true(made);
	assert_int_equal(sp_store_auth_configured(s, &configured, &err), 0);
	assert_true(configured);
	assert_int_equal(sp_store_key_get(s, key.id, &k, &owner, &err), 0);
	u = must_get_user(s, NULL, "admin@example.org");
	assert_user(&owner, &u);
	assert_int_equal(u.role, SP_ROLE_ADMIN);
	/* Again, as at every start. */
	in.id = sp_id_new();
	assert_int_equal(sp_store_ensure_admin(s, &in, &made, &err), 0);
	assert_false(made);
	/* Another key for the same admin. */
	struct sp_new_key second = new_key();
	in.key = &second;
	assert_int_equal(sp_store_ensure_admin(s, &in, &made, &err), 0);
	assert_true(made);
	assert_int_equal(sp_store_key_get(s, second.id, &k, &owner, &err), 0);
	assert_user(&owner, &u);
	/* With the last admin goes what was configured. */
	assert_int_equal(sp_store_user_delete(s, &u.id, &err), 0);
	assert_int_equal(sp_store_auth_configured(s, &configured, &err), 0);
	assert_false(configured);
}

static void admins_that_cannot_be(void **state)
{
	struct sp_store *s = *state;
	struct sp_new_key key = new_key(), other = new_key();
	struct sp_new_user in = {.id = sp_id_new(), .email = "admin@example.org", .role = SP_ROLE_ADMIN, .key = &key};
	struct sp_user u = must_user(s, "user@example.org"), got;
	struct sp_key k = must_key(s, &u);
	struct sp_err err = {0};
	bool made;

	assert_int_equal(sp_store_ensure_admin(s, &in, &made, &err), 0);
	key.hash[0] ^= 1;
	assert_int_equal(sp_store_ensure_admin(s, &in, &made, &err), -1);
	assert_err(&err, SP_E_CONFLICT, "exists with another secret");
	key.hash[0] ^= 1;
	in.email = "user@example.org";
	in.key = &other;
	assert_int_equal(sp_store_ensure_admin(s, &in, &made, &err), -1);
	assert_err(&err, SP_E_CONFLICT, "the user with the admin's email is no admin");
	assert_no_key(s, other.id);
	struct sp_new_key theirs = {.id = k.id};
	memcpy(theirs.hash, k.hash, sizeof(theirs.hash));
	in.email = "admin2@example.org";
	in.key = &theirs;
	assert_int_equal(sp_store_ensure_admin(s, &in, &made, &err), -1);
	assert_err(&err, SP_E_CONFLICT, "belongs to a user who is no admin");
	assert_no_user(s, NULL, "admin2@example.org");
	assert_int_equal(sp_store_key_revoke(s, key.id, NULL, &k, &err), 0);
	in.email = "admin@example.org";
	in.key = &key;
	assert_int_equal(sp_store_ensure_admin(s, &in, &made, &err), -1);
	assert_err(&err, SP_E_CONFLICT, "was revoked; give another one");
	in.role = SP_ROLE_USER;
	assert_int_equal(sp_store_ensure_admin(s, &in, &made, &err), -1);
	assert_err(&err, SP_E_INVALID, "an admin with a key");
	in.role = SP_ROLE_ADMIN;
	in.key = NULL;
	assert_int_equal(sp_store_ensure_admin(s, &in, &made, &err), -1);
	assert_err(&err, SP_E_INVALID, "an admin with a key");
	got = must_get_user(s, &u.id, NULL);
	assert_int_equal(got.role, SP_ROLE_USER);
}

#define THREADS 8

struct racer {
	struct sp_store *s;
	struct sp_new_user in;
	pthread_barrier_t *start;
	bool made;
	int rc;
};

static void *race(void *cls)
{
	struct racer *r = cls;

	pthread_barrier_wait(r->start);
	r->rc = sp_store_ensure_admin(r->s, &r->in, &r->made, NULL);
	return NULL;
}

static void one_admin_from_many_starts(void **state)
{
	struct sp_store *s = *state;
	struct sp_new_key key = new_key();
	struct racer r[THREADS];
	pthread_t threads[THREADS];
	pthread_barrier_t start;
	struct sp_user list[4];
	int made = 0;

	pthread_barrier_init(&start, NULL, THREADS);
	for (int i = 0; i < THREADS; i++) {
		r[i] = (struct racer){.s = s,
		        .in = {.id = sp_id_new(), .email = "admin@example.org", .role = SP_ROLE_ADMIN, .key = &key},
		        .start = &start};
		assert_int_equal(pthread_create(&threads[i], NULL, race, &r[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(r[i].rc, 0);
		made += r[i].made;
	}
	assert_int_equal(made, 1);
	assert_int_equal(sp_store_user_list(s, NULL, list, 4, NULL), 1);
	pthread_barrier_destroy(&start);
}

static void refused_arguments(void **state)
{
	struct sp_store *s = *state;
	struct sp_new_key key = new_key();
	struct sp_new_user good = {.id = sp_id_new(), .email = "a@example.org", .key = &key}, bad = good;
	struct sp_user u;
	struct sp_key k;
	struct sp_err err = {0};
	char email[SP_EMAIL_LEN + 1], name[SP_KEY_NAME_LEN + 1];

	memset(email, 'e', sizeof(email));
	email[254] = '\0';
	good.email = email;
	assert_int_equal(sp_store_user_add(s, &good, &u, &err), 0);
	assert_string_equal(must_get_user(s, &good.id, NULL).email, email);
	email[254] = 'e';
	email[255] = '\0';
	const char *const emails[] = {"", "Ana@example.org", email, NULL};
	for (size_t i = 0; i < SP_COUNT(emails); i++) {
		bad.email = emails[i];
		assert_int_equal(sp_store_user_add(s, &bad, &u, &err), -1);
		assert_err(&err, SP_E_INVALID, "store: user_add: email is not normalised");
	}
	bad.email = "b@example.org";
	bad.role = (enum sp_role)2;
	assert_int_equal(sp_store_user_add(s, &bad, &u, &err), -1);
	assert_err(&err, SP_E_INVALID, "role");
	assert_int_equal(sp_store_user_get(s, NULL, NULL, &u, &err), -1);
	assert_err(&err, SP_E_INVALID, "either id or email");
	assert_int_equal(sp_store_user_get(s, &good.id, email, &u, &err), -1);
	assert_err(&err, SP_E_INVALID, "either id or email");

	struct sp_new_key in = new_key();
	memset(name, 'n', sizeof(name));
	name[64] = '\0';
	in.name = name;
	assert_int_equal(sp_store_key_add(s, &good.id, &in, &k, &err), 0);
	assert_string_equal(k.name, name);
	in = new_key();
	name[64] = 'n';
	name[65] = '\0';
	in.name = name;
	assert_int_equal(sp_store_key_add(s, &good.id, &in, &k, &err), -1);
	assert_err(&err, SP_E_INVALID, "name too long");
	in.name = NULL;
	in.max_running = -1;
	assert_int_equal(sp_store_key_add(s, &good.id, &in, &k, &err), -1);
	assert_err(&err, SP_E_INVALID, "a limit is negative");
	in.max_running = 0;
	in.id = "tooshort";
	assert_int_equal(sp_store_key_add(s, &good.id, &in, &k, &err), -1);
	assert_err(&err, SP_E_INVALID, "key id");
	assert_int_equal(sp_store_key_get(s, "", &k, &u, &err), -1);
	assert_err(&err, SP_E_INVALID, "key id");
	assert_int_equal(sp_store_key_revoke(s, "0123456789abcdef0", NULL, &k, &err), -1);
	assert_err(&err, SP_E_INVALID, "key id");
}

static const struct CMUnitTest tests[] = {
        CONTRACT_TEST(users),
        CONTRACT_TEST(a_user_with_a_key),
        CONTRACT_TEST(lists_of_users),
        CONTRACT_TEST(keys),
        CONTRACT_TEST(too_many_keys),
        CONTRACT_TEST(deleting_a_user),
        CONTRACT_TEST(deleting_a_user_with_many),
        CONTRACT_TEST(admins),
        CONTRACT_TEST(admins_that_cannot_be),
        CONTRACT_TEST(one_admin_from_many_starts),
        CONTRACT_TEST(refused_arguments),
};

CONTRACT_MAIN(tests)
