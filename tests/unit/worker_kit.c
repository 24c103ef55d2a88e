/* SPDX-License-Identifier: MIT */
#include "worker_kit.h"

#include "base/clock.h"
#include "core/result.h"

/* ---- a store that fails when told to ---- */

struct worker_front front;

static int before(struct store_front *f, const char *op, struct sp_err *err)
{
	static const struct {
		const char *op;
		int *count;
	} fails[] = {{"claim", &front.claim_fails}, {"finish", &front.finish_fails}, {"renew", &front.renew_fails},
	        {"release", &front.release_fails}};
	bool yes = false;

	pthread_mutex_lock(&front.lock);
	front.finishes += strcmp(op, "finish") == 0;
	front.claims += strcmp(op, "claim") == 0;
	for (size_t i = 0; i < SP_COUNT(fails); i++) {
		if (strcmp(op, fails[i].op) != 0 || *fails[i].count == 0) continue;
		(*fails[i].count)--;
		yes = true;
	}
	enum sp_code code = front.code;
	pthread_mutex_unlock(&front.lock);
	return yes ? sp_fail(err, code, 0, "the test wants this call to fail") : 0;
}

static int front_claim(
        struct sp_store *s, const struct sp_claim_request *in, enum sp_claim_outcome *outcome, struct sp_stored *out, struct sp_err *err)
{
	if (before(&front.f, "claim", err) != 0) return -1;
	int rc = sp_store_claim(front.real, in, outcome, out, err);
	pthread_mutex_lock(&front.lock);
	if (rc == 0 && front.has_old && sp_id_equal(&front.old, &in->id)) out->row.lost = 1;
	bool cancel = rc == 0 && *outcome == SP_CLAIM_MINE && front.cancel_at_claim;
	pthread_mutex_unlock(&front.lock);
	if (cancel) {
		request_cancel(&in->id);
		usleep(50000); /* time for the watcher to look in vain */
	}
	return rc;
}

static int front_renew(
        struct sp_store *s, const char *evaluator_id, int64_t lease_ms, struct sp_lease *leases, size_t n, struct sp_err *err)
{
	if (before(&front.f, "renew", err) != 0) return -1;
	int rc = sp_store_renew(front.real, evaluator_id, lease_ms, leases, n, err);
	pthread_mutex_lock(&front.lock);
	front.renewals++;
	for (size_t i = 0; i < n && rc == 0; i++) {
		if (front.has_cancel && sp_id_equal(&front.cancel, &leases[i].id)) leases[i].cancel = true;
		if (front.has_lose && sp_id_equal(&front.lose, &leases[i].id)) leases[i].lost = true;
	}
	pthread_mutex_unlock(&front.lock);
	return rc;
}

/* ---- the bench ---- */

struct sp_config cfg;
static struct sp_language langs[LANGUAGES];
static struct sp_languages registry = {.list = langs, .n = LANGUAGES};
struct fake_runtime fake;
struct sp_broker *broker;
struct sp_worker *worker;
static struct sp_janitor *janitor;

static pthread_mutex_t reply_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t replied;
static int replies;

static void on_reply(void *cls, const struct sp_id *id)
{
	pthread_mutex_lock(&reply_lock);
	replies++;
	pthread_cond_broadcast(&replied);
	pthread_mutex_unlock(&reply_lock);
}

void await_replies(int n)
{
	int64_t until = sp_mono_ns() + 30 * SP_NS_PER_S;

	pthread_mutex_lock(&reply_lock);
	while (replies < n && sp_mono_ns() < until) (void)sp_cond_wait_until(&replied, &reply_lock, until);
	int last = replies;
	pthread_mutex_unlock(&reply_lock);
	if (last < n) fail_msg("%d replies of %d", last, n);
}

char *word(const char *s) { return (char *)(uintptr_t)s; }

static void make_languages(void)
{
	static char *comp_argv[] = {NULL, NULL, NULL}, *commands[LANGUAGES][2];
	static const char *const names[LANGUAGES] = {"lang", "comp", "missing", "old"};

	comp_argv[0] = word("cc");
	comp_argv[1] = word("{entry}");
	for (int i = 0; i < LANGUAGES; i++) {
		langs[i] = test_language();
		langs[i].id = word(names[i]);
		commands[i][0] = word(names[i]);
		langs[i].version_command = commands[i];
		langs[i].version_pattern = word("^v([0-9.]+)$");
	}
	langs[COMP].compile = comp_argv;
}

int bench(void **state)
{
	struct sp_err err = {0};
	struct sp_broker_options bo = {.queue_max = 16};

	load_defaults(&cfg);
	cfg.lease_renew_ms = 20;
	cfg.janitor_ms = 20;
	memset(&front, 0, sizeof(front));
	front.code = SP_E_UNAVAILABLE;
	pthread_mutex_init(&front.lock, NULL);
	front.real = sp_store_open("sqlite::memory:", &err);
	if (!front.real) fail_msg("%s", err.msg);
	store_front_init(&front.f, front.real, before);
	front.f.ops.claim = front_claim;
	front.f.ops.renew = front_renew;
	broker = sp_broker_open("embedded", &bo, &err);
	if (!broker) fail_msg("%s", err.msg);
	sp_broker_set_on_reply(broker, on_reply, NULL);
	replies = 0;
	fake_init(&fake, 2);
	worker = NULL;
	janitor = NULL;
	return 0;
}

void start_worker(void)
{
	struct sp_err err = {0};
	struct sp_worker_parts parts = {
	        .config = &cfg, .languages = &registry, .store = &front.f.super, .broker = broker, .runtime = &fake.super};

	worker = sp_worker_start(&parts, &err);
	if (!worker) fail_msg("%s", err.msg);
}

void start_janitor(void)
{
	struct sp_err err = {0};

	janitor = sp_janitor_start(&cfg, &front.f.super, broker, &err);
	if (!janitor) fail_msg("%s", err.msg);
}

void drain(int64_t ms)
{
	struct sp_worker *w = worker;
	worker = NULL;
	sp_worker_drain(w, ms);
}

int bench_down(void **state)
{
	sp_janitor_stop(janitor);
	drain(0);
	sp_broker_close(broker);
	sp_store_close(front.real);
	pthread_mutex_destroy(&front.lock);
	fake_fini(&fake);
	sp_config_fini(&cfg);
	return 0;
}

/* ---- rows ---- */

void store_row(const struct sp_new_evaluation *in)
{
	enum sp_create_outcome outcome = SP_CREATE_NO_USER;
	struct sp_evaluation row;
	struct sp_err err = {0};

	if (sp_store_create(front.real, in, &outcome, &row, &err)) fail_msg("%s", err.msg);
	assert_int_equal(outcome, SP_CREATE_NEW);
}

/* more: what is not filled in here. */
struct sp_id create_with(int language, const char *program, struct sp_new_evaluation more)
{
	struct sp_request r;
	struct sp_problems ps = {.n = 0};
	json_t *body = json_pack("{s:s, s:[s], s:{s:s}, s:s}", "code", program, "args", "arg", "env", "NAME", "value", "stdin", "input");
	size_t n;

	assert_true(sp_request_parse(body, &langs[language], &cfg, &r, &ps));
	sp_autofree char *form = sp_request_encode(&r, &n);
	more.id = sp_id_new();
	more.language = langs[language].id;
	more.request = (struct sp_bytes){.p = form, .n = n};
	store_row(&more);
	sp_request_fini(&r);
	json_decref(body);
	return more.id;
}

struct sp_id create_as(int language, const char *program, enum sp_class class_)
{
	return create_with(language, program, (struct sp_new_evaluation){.class_ = class_});
}

struct sp_id create(const char *program) { return create_as(LANG, program, SP_CLASS_INTERACTIVE); }

void publish(const struct sp_id *id)
{
	struct sp_err err = {0};
	if (sp_broker_publish(broker, id, SP_CLASS_INTERACTIVE, true, &err)) fail_msg("%s", err.msg);
}

struct sp_id submit(const char *program)
{
	struct sp_id id = create(program);
	publish(&id);
	return id;
}

struct sp_evaluation row_of(const struct sp_id *id)
{
	struct sp_stored s = {0};
	struct sp_err err = {0};

	if (sp_store_get(front.real, id, false, &s, &err)) fail_msg("%s", err.msg);
	struct sp_evaluation row = s.row;
	sp_stored_fini(&s);
	return row;
}

/* Waits until the row is terminal (or as it should be). The bound only keeps a broken test from hanging. */
void await_status(const struct sp_id *id, enum sp_status status)
{
	for (int i = 0; i < 6000; i++) {
		if (row_of(id).status == status) return;
		usleep(5000);
	}
	fail_msg("the row is %s and not %s", sp_status_name(row_of(id).status), sp_status_name(status));
}

json_t *object_of(const struct sp_id *id)
{
	struct sp_stored s = {0};
	struct sp_err err = {0};

	if (sp_store_get(front.real, id, true, &s, &err)) fail_msg("%s", err.msg);
	json_t *o = sp_evaluation_json(&s, SP_ENCODING_UTF8);
	sp_stored_fini(&s);
	return o;
}

void assert_text(const struct sp_id *id, const char *key, const char *want)
{
	json_t *o = object_of(id);
	const char *got = json_string_value(json_object_get(o, key));
	if (want ? !got || strcmp(got, want) : got != NULL) fail_msg("%s is %s and not %s", key, got ? got : "null", want ? want : "null");
	json_decref(o);
}

void assert_reason(const struct sp_id *id, const char *code, const char *message, bool retryable)
{
	json_t *o = object_of(id), *r = json_object_get(o, "reason");
	assert_string_equal(json_string_value(json_object_get(r, "code")), code);
	assert_contains(json_string_value(json_object_get(r, "message")), message);
	assert_int_equal(json_is_true(json_object_get(r, "retryable")), retryable);
	json_decref(o);
}

struct sp_worker_stats stats(void)
{
	struct sp_worker_stats s;
	sp_worker_stats(worker, &s);
	return s;
}

/* A counter of the worker that reaches a value. */
void await_counter(size_t offset, uint64_t value)
{
	for (int i = 0; i < 6000; i++) {
		struct sp_worker_stats s = stats();
		if (*(uint64_t *)(void *)((char *)&s + offset) == value) return;
		usleep(5000);
	}
	fail_msg("the counter never was %d", (int)value);
}

void set_int(int *field, int value)
{
	pthread_mutex_lock(&front.lock);
	*field = value;
	pthread_mutex_unlock(&front.lock);
}

int get_int(const int *field)
{
	pthread_mutex_lock(&front.lock);
	int v = *field;
	pthread_mutex_unlock(&front.lock);
	return v;
}

void mark(struct sp_id *field, bool *has, const struct sp_id *id)
{
	pthread_mutex_lock(&front.lock);
	*field = *id;
	*has = true;
	pthread_mutex_unlock(&front.lock);
}

/* As the API does it. */
void request_cancel(const struct sp_id *id)
{
	struct sp_evaluation row;
	struct sp_err err = {0};

	if (sp_store_cancel(front.real, id, SP_CANCEL_REQUESTED, &row, &err)) fail_msg("%s", err.msg);
	assert_true(row.cancel_requested);
	sp_worker_look(worker);
}

/* A user with a key; *user outlives what is made with it. */
const char *make_key(struct sp_id *user)
{
	static int n;
	static char ids[8][SP_KEY_ID_LEN];
	char email[32], *id = ids[++n % 8];
	struct sp_new_key key = {.id = id};
	struct sp_new_user in = {.id = sp_id_new(), .email = email, .key = &key};
	struct sp_user made;
	struct sp_err err = {0};

	snprintf(id, SP_KEY_ID_LEN, "%016d", n);
	snprintf(email, sizeof(email), "%d@example.org", n);
	if (sp_store_user_add(front.real, &in, &made, &err)) fail_msg("%s", err.msg);
	*user = made.id;
	return id;
}

void worker_kit_init(void)
{
	sp_cond_init(&replied);
	make_languages();
}
