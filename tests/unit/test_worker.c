/* SPDX-License-Identifier: MIT */
/* Worker and janitor with the real embedded store and broker; the runtime is a fake, the store may be made to fail by a front of ours. */
#include "core_support.h"

#include <pthread.h>

#include "base/clock.h"
#include "core/result.h"
#include "fake_runtime.h"
#include "metric_value.h"
#include "store_front.h"
#include "worker/janitor.h"
#include "worker/worker.h"

/* ---- a store that fails when told to ---- */

static struct {
	struct store_front f;
	struct sp_store *real;
	pthread_mutex_t lock;
	/* under the lock */
	int claim_fails, finish_fails, renew_fails, release_fails; /* so many calls fail */
	enum sp_code code; /* with this */
	struct sp_id cancel, lose, old; /* the next renewal says so; a claim of `old` says that a lease ran out before */
	bool has_cancel, has_lose, has_old;
	bool cancel_at_claim; /* whatever is claimed is canceled before the worker hears of its claim */
	int renewals, finishes, claims;
} front;

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

static void request_cancel(const struct sp_id *id);

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

enum { LANG, COMP, MISSING, OLD, LANGUAGES };
static struct sp_config cfg;
static struct sp_language langs[LANGUAGES];
static struct sp_languages registry = {.list = langs, .n = LANGUAGES};
static struct fake_runtime fake;
static struct sp_broker *broker;
static struct sp_worker *worker;
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

static void await_replies(int n)
{
	int64_t until = sp_mono_ns() + 30 * SP_NS_PER_S;

	pthread_mutex_lock(&reply_lock);
	while (replies < n && sp_mono_ns() < until) (void)sp_cond_wait_until(&replied, &reply_lock, until);
	int last = replies;
	pthread_mutex_unlock(&reply_lock);
	if (last < n) fail_msg("%d replies of %d", last, n);
}

static char *word(const char *s) { return (char *)(uintptr_t)s; }

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

static int bench(void **state)
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

static void start_worker(void)
{
	struct sp_err err = {0};
	struct sp_worker_parts parts = {
	        .config = &cfg, .languages = &registry, .store = &front.f.super, .broker = broker, .runtime = &fake.super};

	worker = sp_worker_start(&parts, &err);
	if (!worker) fail_msg("%s", err.msg);
}

static void start_janitor(void)
{
	struct sp_err err = {0};

	janitor = sp_janitor_start(&cfg, &front.f.super, broker, &err);
	if (!janitor) fail_msg("%s", err.msg);
}

static void drain(int64_t ms)
{
	struct sp_worker *w = worker;
	worker = NULL;
	sp_worker_drain(w, ms);
}

static int bench_down(void **state)
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

static void store_row(const struct sp_new_evaluation *in)
{
	enum sp_create_outcome outcome = SP_CREATE_NO_USER;
	struct sp_evaluation row;
	struct sp_err err = {0};

	if (sp_store_create(front.real, in, &outcome, &row, &err)) fail_msg("%s", err.msg);
	assert_int_equal(outcome, SP_CREATE_NEW);
}

/* more: what is not filled in here. */
static struct sp_id create_with(int language, const char *program, struct sp_new_evaluation more)
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

static struct sp_id create_as(int language, const char *program, enum sp_class class_)
{
	return create_with(language, program, (struct sp_new_evaluation){.class_ = class_});
}

static struct sp_id create(const char *program) { return create_as(LANG, program, SP_CLASS_INTERACTIVE); }

static void publish(const struct sp_id *id)
{
	struct sp_err err = {0};
	if (sp_broker_publish(broker, id, SP_CLASS_INTERACTIVE, true, &err)) fail_msg("%s", err.msg);
}

static struct sp_id submit(const char *program)
{
	struct sp_id id = create(program);
	publish(&id);
	return id;
}

static struct sp_evaluation row_of(const struct sp_id *id)
{
	struct sp_stored s = {0};
	struct sp_err err = {0};

	if (sp_store_get(front.real, id, false, &s, &err)) fail_msg("%s", err.msg);
	struct sp_evaluation row = s.row;
	sp_stored_fini(&s);
	return row;
}

/* Waits until the row is terminal (or as it should be). The bound only keeps a broken test from hanging. */
static void await_status(const struct sp_id *id, enum sp_status status)
{
	for (int i = 0; i < 6000; i++) {
		if (row_of(id).status == status) return;
		usleep(5000);
	}
	fail_msg("the row is %s and not %s", sp_status_name(row_of(id).status), sp_status_name(status));
}

static json_t *object_of(const struct sp_id *id)
{
	struct sp_stored s = {0};
	struct sp_err err = {0};

	if (sp_store_get(front.real, id, true, &s, &err)) fail_msg("%s", err.msg);
	json_t *o = sp_evaluation_json(&s, SP_ENCODING_UTF8);
	sp_stored_fini(&s);
	return o;
}

static void assert_text(const struct sp_id *id, const char *key, const char *want)
{
	json_t *o = object_of(id);
	const char *got = json_string_value(json_object_get(o, key));
	if (want ? !got || strcmp(got, want) : got != NULL) fail_msg("%s is %s and not %s", key, got ? got : "null", want ? want : "null");
	json_decref(o);
}

static void assert_reason(const struct sp_id *id, const char *code, const char *message, bool retryable)
{
	json_t *o = object_of(id), *r = json_object_get(o, "reason");
	assert_string_equal(json_string_value(json_object_get(r, "code")), code);
	assert_contains(json_string_value(json_object_get(r, "message")), message);
	assert_int_equal(json_is_true(json_object_get(r, "retryable")), retryable);
	json_decref(o);
}

static struct sp_worker_stats stats(void)
{
	struct sp_worker_stats s;
	sp_worker_stats(worker, &s);
	return s;
}

/* A counter of the worker that reaches a value. */
static void await_counter(size_t offset, uint64_t value)
{
	for (int i = 0; i < 6000; i++) {
		struct sp_worker_stats s = stats();
		if (*(uint64_t *)(void *)((char *)&s + offset) == value) return;
		usleep(5000);
	}
	fail_msg("the counter never was %d", (int)value);
}

static void set_int(int *field, int value)
{
	pthread_mutex_lock(&front.lock);
	*field = value;
	pthread_mutex_unlock(&front.lock);
}

static int get_int(const int *field)
{
	pthread_mutex_lock(&front.lock);
	int v = *field;
	pthread_mutex_unlock(&front.lock);
	return v;
}

static void mark(struct sp_id *field, bool *has, const struct sp_id *id)
{
	pthread_mutex_lock(&front.lock);
	*field = *id;
	*has = true;
	pthread_mutex_unlock(&front.lock);
}

/* ---- languages and readiness ---- */

static void probes_languages(void **state)
{
	struct sp_language_state st;

	start_worker();
	struct sp_id id = submit("print x");
	await_status(&id, SP_STATUS_FINISHED); /* taken after all were asked */
	sp_worker_language(worker, LANG, &st);
	assert_true(st.available);
	assert_string_equal(st.version, "1.2.3");
	sp_worker_language(worker, MISSING, &st);
	assert_false(st.available);
	assert_contains(st.why, "missing");
	sp_worker_language(worker, OLD, &st);
	assert_false(st.available);
	assert_string_equal(st.why, "what old printed has no version in it (pattern ^v([0-9.]+)$)");
	assert_null(sp_worker_not_ready(worker));
	pthread_mutex_lock(&fake.lock);
	fake.healthy = 0;
	pthread_mutex_unlock(&fake.lock);
	assert_string_equal(sp_worker_not_ready(worker), "no slot of the evaluator can run programs");
}

static void takes_nothing_without_a_healthy_slot(void **state)
{
	fake.healthy = 0;
	start_worker();
	struct sp_id id = submit("print x");
	usleep(100000);
	assert_int_equal(row_of(&id).status, SP_STATUS_CREATED);
	pthread_mutex_lock(&fake.lock);
	fake.healthy = 1;
	pthread_mutex_unlock(&fake.lock);
	await_status(&id, SP_STATUS_FINISHED);
	assert_int_equal(row_of(&id).claim_no, 1);
}

static void languages_that_cannot_run(void **state)
{
	struct sp_new_evaluation in = {.id = sp_id_new(), .language = "cobol", .request = {.p = word("{}"), .n = 2}};

	start_worker();
	struct sp_id missing = create_as(MISSING, "print x", SP_CLASS_INTERACTIVE);
	publish(&missing);
	await_status(&missing, SP_STATUS_FAILED);
	assert_text(&missing, "verdict", "internal_error");
	assert_text(&missing, "output", NULL);
	assert_reason(&missing, "language_unavailable", "Lang is not available on this evaluator: ", false);
	store_row(&in);
	publish(&in.id);
	await_status(&in.id, SP_STATUS_FAILED);
	assert_reason(&in.id, "language_unavailable", "cobol", false);
	/* A row whose request is no stored form of ours. */
	in.id = sp_id_new();
	in.language = "lang";
	store_row(&in);
	publish(&in.id);
	await_status(&in.id, SP_STATUS_FAILED);
	assert_reason(&in.id, "internal_error", "stored request", false);
	await_replies(3);
}

/* ---- runs ---- */

static void runs_and_replies(void **state)
{
	start_worker();
	struct sp_id id = submit("print hello");
	await_replies(1);
	/* The reply comes after the result is stored. */
	assert_int_equal(row_of(&id).status, SP_STATUS_FINISHED);
	json_t *o = object_of(&id);
	assert_json(json_object_get(o, "runtime"), "{'version':'1.2.3','start':'cold'}");
	assert_json(json_object_get(o, "enforced"), "['memory']");
	assert_json(json_object_get(o, "usage"), "{'cpu_ms':1,'wall_ms':2,'memory_peak_bytes':4096}");
	json_decref(o);
	assert_text(&id, "verdict", "ok");
	assert_text(&id, "stdout", "hello");
	assert_int_equal(row_of(&id).claim_no, 1);
	await_counter(offsetof(struct sp_worker_stats, runs), 1);
	assert_int_equal(stats().slots, 2);

	id = submit("exit 3");
	await_replies(2);
	assert_text(&id, "verdict", "nonzero_exit");
	assert_int_equal(row_of(&id).exit_code, 3);
}

static void gives_the_program_what_was_asked(void **state)
{
	start_worker();
	struct sp_id id = submit("env");
	await_replies(1);
	assert_text(&id, "stdout", "lang|main.lg|arg|PATH=/usr/local/bin:/usr/bin:/bin|HOME=/box|LANG=C.UTF-8|TMPDIR=/tmp|NAME=value|");
	assert_text(&id, "stderr", "input");
}

static void compiles_first(void **state)
{
	start_worker();
	struct sp_id good = create_as(COMP, "print x", SP_CLASS_BULK), bad = create_as(COMP, "badcompile", SP_CLASS_BULK);
	publish(&good);
	publish(&bad);
	await_replies(2);
	assert_text(&good, "output", "x");
	assert_text(&good, "stage", "run");
	assert_text(&bad, "output", "error");
	assert_text(&bad, "stage", "compile");
	assert_text(&bad, "verdict", "compile_error");
	json_t *o = object_of(&good);
	assert_string_equal(json_string_value(json_object_get(json_object_get(o, "compile"), "output")), "compiled");
	json_decref(o);
	fake_await(&fake, &fake.programs, 1);
}

static void failures_of_the_runtime(void **state)
{
	start_worker();
	struct sp_id a = submit("nocommand"), b = submit("broken");
	await_replies(2);
	assert_int_equal(row_of(&a).status, SP_STATUS_FAILED);
	assert_reason(&a, "command_not_found", "cannot run lang", false);
	assert_reason(&b, "internal_error", "something broke", false);
}

static void lost_runtime_is_tried_again(void **state)
{
	start_worker();
	struct sp_id id = submit("lose 2");
	await_status(&id, SP_STATUS_FINISHED);
	assert_text(&id, "output", "found");
	assert_int_equal(row_of(&id).claim_no, 3);
	assert_int_equal(row_of(&id).lost, 0);
	assert_int_equal(stats().released, 2);
}

static void lost_runtime_ends_some_time(void **state)
{
	start_worker();
	struct sp_id id = submit("lose 1000");
	await_status(&id, SP_STATUS_FAILED);
	assert_int_equal(row_of(&id).claim_no, 4);
	assert_reason(&id, "runtime_unavailable", "the box was lost", true);
	fake_await(&fake, &fake.programs, 4);
}

static void late_interrupts_do_no_harm(void **state)
{
	start_worker();
	struct sp_id id = submit("spurious 2");
	await_status(&id, SP_STATUS_FINISHED);
	assert_text(&id, "output", "late");
	assert_int_equal(row_of(&id).claim_no, 1);
}

/* ---- deliveries ---- */

static void deliveries_of_nothing(void **state)
{
	start_worker();
	struct sp_id absent = sp_id_new(), id = submit("print x");
	await_replies(1);
	publish(&absent);
	publish(&id); /* terminal: replied again, not run again */
	await_replies(2);
	fake_await(&fake, &fake.programs, 1);
	assert_int_equal(row_of(&id).claim_no, 1);
}

static void second_delivery_of_a_running_one(void **state)
{
	start_worker();
	struct sp_id id = submit("hold");
	fake_await(&fake, &fake.holding, 1);
	publish(&id);
	/* The other slot has dealt with it once it has done what came after it. */
	struct sp_id next = submit("print x");
	await_status(&next, SP_STATUS_FINISHED);
	fake_release(&fake, 1);
	await_status(&id, SP_STATUS_FINISHED);
	assert_int_equal(row_of(&id).claim_no, 1);
	fake_await(&fake, &fake.programs, 2);
}

static void given_up_by_the_store(void **state)
{
	struct sp_id id = create("print x");
	struct sp_claim_request c = {.id = id, .evaluator_id = "dead", .lease_ms = 1, .max_lost = 3};
	struct sp_err err = {0};

	for (int i = 0; i < 3;) {
		enum sp_claim_outcome outcome;
		struct sp_stored s = {0};
		if (sp_store_claim(front.real, &c, &outcome, &s, &err)) fail_msg("%s", err.msg);
		i += outcome == SP_CLAIM_MINE;
		sp_stored_fini(&s);
		usleep(2000);
	}
	start_worker();
	publish(&id);
	await_replies(1);
	assert_int_equal(row_of(&id).status, SP_STATUS_FAILED);
	assert_reason(&id, "evaluator_lost", "", true);
}

/* ---- leases ---- */

static void cancels_what_runs(void **state)
{
	start_worker();
	struct sp_id id = submit("hang");
	fake_await(&fake, &fake.hanging, 1);
	mark(&front.cancel, &front.has_cancel, &id);
	await_replies(1);
	assert_int_equal(row_of(&id).status, SP_STATUS_CANCELED);
	assert_text(&id, "verdict", NULL);
	assert_reason(&id, "canceled", "canceled on request", false);
	/* The slot goes on. */
	id = submit("print x");
	await_status(&id, SP_STATUS_FINISHED);
}

/* As the API does it. */
static void request_cancel(const struct sp_id *id)
{
	struct sp_evaluation row;
	struct sp_err err = {0};

	if (sp_store_cancel(front.real, id, SP_CANCEL_REQUESTED, &row, &err)) fail_msg("%s", err.msg);
	assert_true(row.cancel_requested);
	sp_worker_look(worker);
}

static void cancels_at_once_when_told_to_look(void **state)
{
	cfg.lease_renew_ms = 3600000; /* nothing comes of waiting */
	start_worker();
	struct sp_id id = submit("hang"), other = submit("hold");
	fake_await(&fake, &fake.hanging, 1);
	fake_await(&fake, &fake.holding, 1);
	request_cancel(&id);
	await_status(&id, SP_STATUS_CANCELED);
	assert_reason(&id, "canceled", "canceled on request", false);
	assert_int_equal(row_of(&other).status, SP_STATUS_EVALUATING);
	fake_release(&fake, 1);
	await_status(&other, SP_STATUS_FINISHED);
}

static void a_look_sees_what_is_being_claimed(void **state)
{
	cfg.lease_renew_ms = 3600000;
	front.cancel_at_claim = true;
	start_worker();
	struct sp_id id = submit("hang");
	await_status(&id, SP_STATUS_CANCELED);
}

static void erased_while_it_runs(void **state)
{
	struct sp_evaluation row;
	struct sp_err err = {0};

	cfg.lease_renew_ms = 3600000;
	start_worker();
	struct sp_id id = submit("hang");
	fake_await(&fake, &fake.hanging, 1);
	if (sp_store_erase(front.real, &id, &row, &err)) fail_msg("%s", err.msg);
	sp_worker_look(worker);
	await_counter(offsetof(struct sp_worker_stats, lost), 1);
	assert_int_equal(get_int(&front.finishes), 0);
	id = submit("print x");
	await_status(&id, SP_STATUS_FINISHED);
}

static void discards_what_was_lost(void **state)
{
	start_worker();
	struct sp_id id = submit("hang");
	fake_await(&fake, &fake.hanging, 1);
	mark(&front.lose, &front.has_lose, &id);
	await_counter(offsetof(struct sp_worker_stats, lost), 1);
	/* Nothing was written: the row is as the claim left it. */
	assert_int_equal(row_of(&id).status, SP_STATUS_EVALUATING);
	assert_int_equal(get_int(&front.finishes), 0);
	assert_int_equal(stats().runs, 0);
}

static void renewals_go_on_after_a_failure(void **state)
{
	start_worker();
	struct sp_id id = submit("hold");
	fake_await(&fake, &fake.holding, 1);
	set_int(&front.renew_fails, 3);
	int before = get_int(&front.renewals);
	for (int i = 0; i < 6000 && get_int(&front.renewals) < before + 2; i++) usleep(5000);
	assert_true(get_int(&front.renewals) >= before + 2);
	assert_int_equal(get_int(&front.renew_fails), 0);
	fake_release(&fake, 1);
	await_status(&id, SP_STATUS_FINISHED);
}

/* A store that renews for nobody while a program runs: longer than the lease. */
static void fenced_off(void **state)
{
	struct sp_err err = {0};

	cfg.lease_ms = 50;
	start_worker();
	set_int(&front.renew_fails, 1000000);
	struct sp_id id = submit("hold");
	fake_await(&fake, &fake.holding, 1);
	/* Another evaluator takes it over. */
	struct sp_claim_request c = {.id = id, .evaluator_id = "other", .lease_ms = 60000, .max_lost = 3};
	enum sp_claim_outcome outcome = SP_CLAIM_ELSEWHERE;
	for (int i = 0; i < 6000 && outcome != SP_CLAIM_MINE; i++) {
		struct sp_stored s = {0};
		if (sp_store_claim(front.real, &c, &outcome, &s, &err)) fail_msg("%s", err.msg);
		sp_stored_fini(&s);
		usleep(5000);
	}
	assert_int_equal(outcome, SP_CLAIM_MINE);
	fake_release(&fake, 1);
	await_counter(offsetof(struct sp_worker_stats, lost), 1);
	assert_int_equal(row_of(&id).status, SP_STATUS_EVALUATING);
	assert_int_equal(row_of(&id).claim_no, 2);
	set_int(&front.renew_fails, 0);
}

/* A store that stood still: the lease is over, but nobody took the run over, and this process does not take it from itself. */
static void kept_past_its_lease(void **state)
{
	struct sp_scan_request in = {.what = SP_SCAN_EXPIRED};
	struct sp_scan_item item;
	struct sp_err err = {0};
	int n = 0;

	cfg.lease_ms = 50;
	start_worker();
	set_int(&front.renew_fails, 1000000);
	struct sp_id id = submit("hold");
	fake_await(&fake, &fake.holding, 1);
	for (int i = 0; i < 6000 && n == 0; i++) {
		if ((n = sp_store_scan(front.real, &in, &item, 1, &err)) < 0) fail_msg("%s", err.msg);
		usleep(5000);
	}
	assert_int_equal(n, 1);
	int claims = get_int(&front.claims);
	publish(&id);
	/* Behind it in the queue. */
	struct sp_id next = submit("print x");
	await_status(&next, SP_STATUS_FINISHED);
	assert_int_equal(get_int(&front.claims), claims + 1);
	set_int(&front.renew_fails, 0);
	fake_release(&fake, 1);
	await_status(&id, SP_STATUS_FINISHED);
	assert_int_equal(row_of(&id).claim_no, 1);
}

static void runs_alone_after_a_loss(void **state)
{
	start_worker();
	struct sp_id first = submit("hold");
	fake_await(&fake, &fake.holding, 1);
	struct sp_id killer = create("hold");
	mark(&front.old, &front.has_old, &killer);
	publish(&killer);
	await_status(&killer, SP_STATUS_EVALUATING);
	/* It is claimed, and waits for the first to end. */
	usleep(50000);
	fake_await(&fake, &fake.holding, 1);
	fake_await(&fake, &fake.programs, 1);
	fake_release(&fake, 1);
	await_status(&first, SP_STATUS_FINISHED);
	fake_await(&fake, &fake.programs, 2);
	fake_await(&fake, &fake.holding, 1);
	/* Now it runs: whoever comes waits. */
	struct sp_id last = submit("print x");
	await_status(&last, SP_STATUS_EVALUATING);
	usleep(50000);
	fake_await(&fake, &fake.programs, 2);
	fake_release(&fake, 1);
	await_status(&killer, SP_STATUS_FINISHED);
	await_status(&last, SP_STATUS_FINISHED);
	fake_await(&fake, &fake.most, 1);
}

/* ---- what may be begun once only ---- */

static void never_begun_twice(void **state)
{
	const struct sp_new_evaluation once = {.max_runs = 1}, twice = {.max_runs = 2};

	start_worker();
	struct sp_id lost = create_with(LANG, "lose 1", once);
	publish(&lost);
	await_status(&lost, SP_STATUS_FAILED);
	assert_reason(&lost, "evaluator_lost", "it may be begun 1 time (max_runs)", true);
	fake_await(&fake, &fake.programs, 1);
	/* Also not by the slot itself. */
	struct sp_id interrupted = create_with(LANG, "spurious 2", once);
	publish(&interrupted);
	await_status(&interrupted, SP_STATUS_FAILED);
	assert_reason(&interrupted, "evaluator_lost", "it may be begun 1 time (max_runs)", true);
	fake_await(&fake, &fake.programs, 2);
	struct sp_id again = create_with(LANG, "lose 3", twice); /* lost and interrupted once before: this is the third time */
	publish(&again);
	await_status(&again, SP_STATUS_FINISHED);
	fake_await(&fake, &fake.programs, 4);
}

static void what_had_begun_is_noted(void **state)
{
	struct sp_id waits = create_with(LANG, "print x", (struct sp_new_evaluation){.max_runs = 1});

	start_worker();
	struct sp_id runs = create_with(LANG, "hang", (struct sp_new_evaluation){.max_runs = 1});
	publish(&runs);
	fake_await(&fake, &fake.hanging, 1);
	/* Waits until it can be alone: claimed, and not begun. */
	mark(&front.old, &front.has_old, &waits);
	publish(&waits);
	await_status(&waits, SP_STATUS_EVALUATING);
	drain(0);
	assert_int_equal(row_of(&runs).status, SP_STATUS_CREATED);
	assert_int_equal(row_of(&runs).begun, 1);
	assert_int_equal(row_of(&waits).status, SP_STATUS_CREATED);
	assert_int_equal(row_of(&waits).begun, 0);
}

/* ---- bounds of a key ---- */

/* A user with a key; *user outlives what is made with it. */
static const char *make_key(struct sp_id *user)
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

static void a_key_runs_no_more_than_it_may(void **state)
{
	struct sp_id user, other, ids[6];
	const char *key = make_key(&user), *other_key = make_key(&other);

	start_worker();
	for (size_t i = 0; i < SP_COUNT(ids); i++) {
		ids[i] = create_with(LANG, "hold",
		        (struct sp_new_evaluation){.user_id = &user, .key_id = key, .max_running = 1, .class_ = SP_CLASS_BULK});
		publish(&ids[i]);
	}
	fake_await(&fake, &fake.holding, 1);
	/* The other slot has looked at all of them, and is free for others. */
	struct sp_id theirs =
	        create_with(LANG, "print y", (struct sp_new_evaluation){.user_id = &other, .key_id = other_key, .max_running = 1});
	publish(&theirs);
	await_status(&theirs, SP_STATUS_FINISHED);
	struct sp_id open = submit("print x");
	await_status(&open, SP_STATUS_FINISHED);
	fake_await(&fake, &fake.holding, 1);
	/* Each that ends brings the next, without a janitor. */
	for (size_t i = 0; i < SP_COUNT(ids); i++) {
		fake_await(&fake, &fake.holding, 1);
		int ended = 0;
		for (size_t k = 0; k < SP_COUNT(ids); k++) ended += row_of(&ids[k]).status == SP_STATUS_FINISHED;
		assert_int_equal(ended, i);
		fake_release(&fake, 1);
		for (int n = 0; ended == (int)i; n++) {
			ended = 0;
			for (size_t k = 0; k < SP_COUNT(ids); k++) ended += row_of(&ids[k]).status == SP_STATUS_FINISHED;
			assert_true(n < 6000);
			usleep(5000);
		}
	}
	for (size_t i = 0; i < SP_COUNT(ids); i++) assert_int_equal(row_of(&ids[i]).claim_no, 1);
	/* Nobody has asked again and again. */
	pthread_mutex_lock(&front.lock);
	int claims = front.claims;
	pthread_mutex_unlock(&front.lock);
	assert_true(claims <= 3 * (int)SP_COUNT(ids) + 2);
}

static void a_key_uses_what_it_may(void **state)
{
	struct sp_id user, ids[8];
	const char *key = make_key(&user);

	start_worker();
	for (size_t i = 0; i < SP_COUNT(ids); i++) {
		ids[i] = create_with(LANG, "hold", (struct sp_new_evaluation){.user_id = &user, .key_id = key, .max_running = 2});
		publish(&ids[i]);
	}
	/* Two end at the same moment, and two begin. */
	for (size_t i = 0; i < SP_COUNT(ids); i += 2) {
		fake_await(&fake, &fake.holding, 2);
		fake_release(&fake, 2);
		if (i + 2 < SP_COUNT(ids)) fake_await(&fake, &fake.programs, (int)i + 4);
	}
	for (size_t i = 0; i < SP_COUNT(ids); i++) await_status(&ids[i], SP_STATUS_FINISHED);
}

static void what_is_erased_makes_room(void **state)
{
	struct sp_id user;
	const char *key = make_key(&user);
	const struct sp_new_evaluation limited = {.user_id = &user, .key_id = key, .max_running = 1};
	struct sp_evaluation row;
	struct sp_err err = {0};

	start_worker();
	struct sp_id first = create_with(LANG, "hang", limited), second = create_with(LANG, "print x", limited);
	publish(&first);
	fake_await(&fake, &fake.hanging, 1);
	publish(&second);
	struct sp_id open = submit("print x"); /* the other slot is through with it */
	await_status(&open, SP_STATUS_FINISHED);
	assert_int_equal(row_of(&second).status, SP_STATUS_CREATED);
	if (sp_store_erase(front.real, &first, &row, &err)) fail_msg("%s", err.msg);
	sp_worker_look(worker);
	await_status(&second, SP_STATUS_FINISHED);
}

/* ---- a store that is away ---- */

static void claims_when_the_store_is_back(void **state)
{
	front.claim_fails = 2;
	start_worker();
	struct sp_id id = submit("print x");
	await_status(&id, SP_STATUS_FINISHED);
	assert_int_equal(row_of(&id).claim_no, 1);
}

static void keeps_the_result_until_the_store_is_back(void **state)
{
	front.finish_fails = 3;
	start_worker();
	struct sp_id id = submit("print x");
	await_replies(1);
	assert_text(&id, "output", "x");
	assert_int_equal(get_int(&front.finishes), 4);
	fake_await(&fake, &fake.programs, 1);
}

static void says_so_when_the_store_will_not_have_it(void **state)
{
	front.code = SP_E_INVALID;
	front.finish_fails = 5;
	start_worker();
	struct sp_id id = submit("print x");
	await_replies(1);
	assert_int_equal(row_of(&id).status, SP_STATUS_FAILED);
	assert_text(&id, "output", NULL);
	assert_reason(&id, "result_not_stored", "could not be stored", false);
}

/* ---- drain ---- */

static void *drain_for_long(void *cls)
{
	drain(60000);
	return NULL;
}

static void drain_lets_runs_end(void **state)
{
	pthread_t t;

	start_worker();
	struct sp_id running = submit("hold");
	fake_await(&fake, &fake.holding, 1);
	assert_int_equal(pthread_create(&t, NULL, drain_for_long, NULL), 0);
	struct sp_delivery d;
	while (sp_broker_take(broker, 0, &d) != SP_TAKE_STOPPED) usleep(1000);
	struct sp_id waiting = submit("print x");
	fake_release(&fake, 1);
	pthread_join(t, NULL);
	assert_int_equal(row_of(&running).status, SP_STATUS_FINISHED);
	assert_int_equal(row_of(&waiting).status, SP_STATUS_CREATED);
	assert_int_equal(row_of(&waiting).claim_no, 0);
}

static void drain_gives_back_what_does_not_end(void **state)
{
	start_worker();
	struct sp_id a = submit("hang"), b = submit("hang");
	fake_await(&fake, &fake.hanging, 2);
	drain(0);
	assert_int_equal(row_of(&a).status, SP_STATUS_CREATED);
	assert_int_equal(row_of(&b).status, SP_STATUS_CREATED);
	assert_int_equal(row_of(&a).lost, 0);
	assert_int_equal(get_int(&front.finishes), 0);
}

static void drain_gives_back_what_has_not_begun(void **state)
{
	pthread_t t;

	start_worker();
	struct sp_id first = submit("hold");
	fake_await(&fake, &fake.holding, 1);
	struct sp_id waits = create("print x");
	mark(&front.old, &front.has_old, &waits);
	publish(&waits);
	await_status(&waits, SP_STATUS_EVALUATING);
	assert_int_equal(pthread_create(&t, NULL, drain_for_long, NULL), 0);
	/* Given back while the other still runs. */
	await_status(&waits, SP_STATUS_CREATED);
	assert_int_equal(row_of(&first).status, SP_STATUS_EVALUATING);
	fake_release(&fake, 1);
	pthread_join(t, NULL);
	assert_int_equal(row_of(&first).status, SP_STATUS_FINISHED);
}

static void drain_with_the_store_away(void **state)
{
	start_worker();
	set_int(&front.finish_fails, 1000000);
	struct sp_id id = submit("print x");
	for (int i = 0; i < 6000 && get_int(&front.finishes) == 0; i++) usleep(5000);
	drain(0);
	/* Left to its lease: not lost, not judged twice. */
	assert_int_equal(row_of(&id).status, SP_STATUS_EVALUATING);
}

/* ---- the janitor ---- */

static void janitor_finds_all_that_wait(void **state)
{
	struct sp_id ids[60];

	/* More than the broker's queue of 16 holds; nobody has published them. */
	for (size_t i = 0; i < SP_COUNT(ids); i++) ids[i] = create_as(LANG, "print x", i % 2 ? SP_CLASS_BULK : SP_CLASS_INTERACTIVE);
	start_janitor();
	size_t depth[SP_CLASSES];
	bool over;
	sp_broker_depth(broker, depth, &over);
	assert_int_equal(depth[SP_CLASS_INTERACTIVE], 16);
	assert_int_equal(depth[SP_CLASS_BULK], 16);
	start_worker();
	for (size_t i = 0; i < SP_COUNT(ids); i++) await_status(&ids[i], SP_STATUS_FINISHED);
	for (size_t i = 0; i < SP_COUNT(ids); i++) assert_int_equal(row_of(&ids[i]).claim_no, 1);
}

static void janitor_finds_what_was_dropped(void **state)
{
	start_worker();
	start_janitor();
	/* Both slots are busy while more comes than the queue holds. */
	struct sp_id a = submit("hold"), b = submit("hold"), ids[40];
	fake_await(&fake, &fake.holding, 2);
	for (size_t i = 0; i < SP_COUNT(ids); i++) ids[i] = submit("print x");
	fake_release(&fake, 2);
	await_status(&a, SP_STATUS_FINISHED);
	await_status(&b, SP_STATUS_FINISHED);
	for (size_t i = 0; i < SP_COUNT(ids); i++) await_status(&ids[i], SP_STATUS_FINISHED);
}

static void janitor_finds_later_what_no_queue_knows(void **state)
{
	start_worker();
	start_janitor();
	struct sp_id id = create("print x");
	await_status(&id, SP_STATUS_FINISHED);
}

static void janitor_finds_dead_evaluators(void **state)
{
	struct sp_id id = create("print x");
	struct sp_claim_request c = {.id = id, .evaluator_id = "dead", .lease_ms = 30, .max_lost = 3};
	enum sp_claim_outcome outcome;
	struct sp_stored s = {0};
	struct sp_err err = {0};

	if (sp_store_claim(front.real, &c, &outcome, &s, &err)) fail_msg("%s", err.msg);
	sp_stored_fini(&s);
	start_worker();
	start_janitor();
	await_status(&id, SP_STATUS_FINISHED);
	assert_int_equal(row_of(&id).claim_no, 2);
	assert_int_equal(row_of(&id).lost, 1);
}

/* Many of what nobody waits for do not stand before what somebody waits for. */
static void janitor_publishes_interactive_first(void **state)
{
	const struct sp_new_evaluation row = {.language = "lang", .class_ = SP_CLASS_BULK, .request = {.p = word("{}"), .n = 2}};
	size_t depth[SP_CLASSES];
	bool over;

	for (int i = 0; i < 1200; i++) {
		struct sp_new_evaluation in = row;
		in.id = sp_id_new();
		store_row(&in);
	}
	for (int i = 0; i < 3; i++) create("print x");
	start_janitor();
	sp_broker_depth(broker, depth, &over);
	assert_int_equal(depth[SP_CLASS_INTERACTIVE], 3);
	assert_int_equal(depth[SP_CLASS_BULK], 16);
}

/* Also while the queues are not empty, which is when nothing else that waits is looked for. */
static void janitor_finds_keys_that_may_run_more(void **state)
{
	struct sp_id user;
	const char *key = make_key(&user);
	size_t depth[SP_CLASSES];
	bool over;

	start_janitor();
	struct sp_id queued = create("print x"),
	             limited = create_with(LANG, "print x", (struct sp_new_evaluation){.user_id = &user, .key_id = key, .max_running = 1});
	publish(&queued);
	for (int i = 0; i < 6000; i++) {
		sp_broker_depth(broker, depth, &over);
		if (depth[SP_CLASS_INTERACTIVE] == 2) break;
		usleep(5000);
	}
	assert_int_equal(depth[SP_CLASS_INTERACTIVE], 2);
	start_worker();
	await_status(&limited, SP_STATUS_FINISHED);
}

static bool exists(const struct sp_id *id)
{
	struct sp_stored s;
	struct sp_err err = {0};

	if (sp_store_get(front.real, id, false, &s, &err) == 0) return true;
	if (err.code != SP_E_NOT_FOUND) fail_msg("%s", err.msg);
	return false;
}

static void janitor_forgets_what_is_old(void **state)
{
	cfg.retention_rows_ms = cfg.retention_data_ms = cfg.idempotency_keep_ms = 40;
	struct sp_id waits = create("hold"), ended;

	start_worker();
	start_janitor();
	fake_await(&fake, &fake.holding, 1);
	ended = submit("print x");
	for (int i = 0; i < 6000 && exists(&ended); i++) usleep(5000);
	assert_false(exists(&ended));
	/* What has not ended is not old, however long it takes. */
	assert_int_equal(row_of(&waits).status, SP_STATUS_EVALUATING);
	fake_release(&fake, 1);
	for (int i = 0; i < 6000 && exists(&waits); i++) usleep(5000);
	assert_false(exists(&waits));
}

/* ---- all at once ---- */

/* ---- counts, which are the process's: differences ---- */

#define ENDED(status, verdict) "serapis_evaluations_total{language=\"lang\",status=\"" status "\",verdict=\"" verdict "\"}"

static void counts_ends_once(void **state)
{
	static const char *const samples[] = {ENDED("finished", "ok"), ENDED("finished", "nonzero_exit"), ENDED("failed", "internal_error"),
	        ENDED("canceled", "none"), "serapis_stage_duration_seconds_count{stage=\"run\",language=\"lang\"}",
	        "serapis_stage_duration_seconds_count{stage=\"queue\",language=\"lang\"}",
	        "serapis_starts_total{language=\"lang\",kind=\"cold\",why=\"no_warm_start\"}", "serapis_leases_lost_total"};
	const double wanted[SP_COUNT(samples)] = {2, 1, 0, 1, 4, 4, 4, 0};
	double before[SP_COUNT(samples)];

	for (size_t i = 0; i < SP_COUNT(samples); i++) before[i] = metric_value(samples[i]);
	start_worker();
	struct sp_id a = submit("print x"), b = submit("exit 3"), c = submit("print y"), d = submit("hang");
	await_status(&a, SP_STATUS_FINISHED);
	await_status(&b, SP_STATUS_FINISHED);
	await_status(&c, SP_STATUS_FINISHED);
	/* A second delivery of one that has ended changes nothing. */
	publish(&a);
	await_replies(4);
	fake_await(&fake, &fake.hanging, 1);
	mark(&front.cancel, &front.has_cancel, &d);
	await_replies(5);
	for (size_t i = 0; i < SP_COUNT(samples); i++) {
		double got = metric_value(samples[i]) - before[i];
		if (got != wanted[i]) fail_msg("%s: %g, wanted %g", samples[i], got, wanted[i]);
	}
}

static void counts_what_was_lost(void **state)
{
	const char *lost = "serapis_leases_lost_total", *ended = ENDED("finished", "ok");
	double before = metric_value(lost), ended_before = metric_value(ended);

	start_worker();
	struct sp_id id = submit("hang");
	fake_await(&fake, &fake.hanging, 1);
	mark(&front.lose, &front.has_lose, &id);
	await_counter(offsetof(struct sp_worker_stats, lost), 1);
	for (int i = 0; i < 6000 && metric_value(lost) == before; i++) usleep(5000);
	assert_true(metric_value(lost) == before + 1);
	assert_true(metric_value(ended) == ended_before);
}

/* The store ends it within the claim: nothing has run, and it is counted all the same. */
static void counts_what_is_given_up(void **state)
{
	const char *failed = ENDED("failed", "internal_error"),
	           *run = "serapis_stage_duration_seconds_count{stage=\"run\",language=\"lang\"}";
	double before = metric_value(failed), run_before = metric_value(run);
	struct sp_id id = create("print x");
	struct sp_claim_request c = {.id = id, .evaluator_id = "dead", .lease_ms = 1, .max_lost = 1};
	enum sp_claim_outcome outcome;
	struct sp_stored s = {0};
	struct sp_err err = {0};

	if (sp_store_claim(front.real, &c, &outcome, &s, &err)) fail_msg("%s", err.msg);
	assert_int_equal(outcome, SP_CLAIM_MINE);
	sp_stored_fini(&s);
	usleep(10000);
	cfg.max_lost = 1;
	start_worker();
	publish(&id);
	await_replies(1);
	assert_int_equal(row_of(&id).status, SP_STATUS_FAILED);
	assert_true(metric_value(failed) == before + 1);
	assert_true(metric_value(run) == run_before);
}

static void slots_by_state(void **state)
{
	const char *busy = "serapis_slots{state=\"busy\"}", *idle = "serapis_slots{state=\"idle\"}",
	           *broken = "serapis_slots{state=\"broken\"}";
	const int n = 2; /* of the fake */

	assert_null(metric_text(busy));
	start_worker();
	assert_true(metric_value(busy) == 0 && metric_value(idle) == n && metric_value(broken) == 0);
	(void)submit("hold");
	fake_await(&fake, &fake.holding, 1);
	assert_true(metric_value(busy) == 1 && metric_value(idle) == n - 1);
	pthread_mutex_lock(&fake.lock);
	fake.healthy = 1;
	pthread_mutex_unlock(&fake.lock);
	assert_true(metric_value(busy) == 1 && metric_value(broken) == n - 1 && metric_value(idle) == 0);
	fake_release(&fake, 1);
	drain(60000);
	assert_null(metric_text(busy));
}

static void many(void **state)
{
	struct sp_id ids[200];

	cfg.max_lost = 100;
	start_worker();
	start_janitor();
	for (size_t i = 0; i < SP_COUNT(ids); i++) ids[i] = i % 3 ? submit("print x") : create("exit 1");
	for (size_t i = 0; i < SP_COUNT(ids); i++) await_status(&ids[i], SP_STATUS_FINISHED);
	assert_int_equal(stats().runs, SP_COUNT(ids));
	assert_int_equal(stats().lost, 0);
	for (size_t i = 0; i < SP_COUNT(ids); i++) assert_text(&ids[i], "verdict", i % 3 ? "ok" : "nonzero_exit");
}

#define T(f) cmocka_unit_test_setup_teardown(f, bench, bench_down)

int main(void)
{
	sp_cond_init(&replied);
	make_languages();
	const struct CMUnitTest tests[] = {
	        T(probes_languages),
	        T(takes_nothing_without_a_healthy_slot),
	        T(languages_that_cannot_run),
	        T(runs_and_replies),
	        T(gives_the_program_what_was_asked),
	        T(compiles_first),
	        T(failures_of_the_runtime),
	        T(lost_runtime_is_tried_again),
	        T(lost_runtime_ends_some_time),
	        T(late_interrupts_do_no_harm),
	        T(deliveries_of_nothing),
	        T(second_delivery_of_a_running_one),
	        T(given_up_by_the_store),
	        T(cancels_what_runs),
	        T(cancels_at_once_when_told_to_look),
	        T(a_look_sees_what_is_being_claimed),
	        T(erased_while_it_runs),
	        T(discards_what_was_lost),
	        T(renewals_go_on_after_a_failure),
	        T(fenced_off),
	        T(kept_past_its_lease),
	        T(runs_alone_after_a_loss),
	        T(never_begun_twice),
	        T(what_had_begun_is_noted),
	        T(a_key_runs_no_more_than_it_may),
	        T(a_key_uses_what_it_may),
	        T(what_is_erased_makes_room),
	        T(claims_when_the_store_is_back),
	        T(keeps_the_result_until_the_store_is_back),
	        T(says_so_when_the_store_will_not_have_it),
	        T(drain_lets_runs_end),
	        T(drain_gives_back_what_does_not_end),
	        T(drain_gives_back_what_has_not_begun),
	        T(drain_with_the_store_away),
	        T(janitor_finds_all_that_wait),
	        T(janitor_finds_what_was_dropped),
	        T(janitor_finds_later_what_no_queue_knows),
	        T(janitor_finds_dead_evaluators),
	        T(janitor_publishes_interactive_first),
	        T(janitor_finds_keys_that_may_run_more),
	        T(janitor_forgets_what_is_old),
	        T(counts_ends_once),
	        T(counts_what_was_lost),
	        T(counts_what_is_given_up),
	        T(slots_by_state),
	        T(many),
	};
	return cmocka_run_group_tests_name("worker", tests, NULL, NULL);
}
