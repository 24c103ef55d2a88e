/* SPDX-License-Identifier: MIT */
/*
 * The native runtime against a box that misbehaves. Usage: runtime_abuse FAKE_BOX PROBE
 *
 * However it misbehaves: the call ends, the error is the documented one, and a new box takes over without anybody's help.
 */
#include <sys/stat.h>

#include "collect_kit.h"

struct sp_buf kit_probe;
static const char *box_path;
static char policy[64];

/* Bounds as short as a busy machine allows: a box that does nothing is found out after these. */
static const struct sp_native_tuning quick = {.start_ms = 1500,
        .clean_ms = 400,
        .restart_ms = 3000,
        .grace_ms = 400,
        .drain_ms = 50,
        .stop_ms = 200,
        .backoff_min_ms = 10,
        .backoff_max_ms = 100};

static int make_policy(void **state)
{
	snprintf(policy, sizeof policy, "/tmp/sp-fake-policy-XXXXXX");
	int fd = mkstemp(policy);
	return fd < 0 ? -1 : close(fd);
}

static int remove_policy(void **state) { return unlink(policy); }

static void set_word(const char *word)
{
	struct sp_err err;
	sp_autoclose int fd = open(policy, O_WRONLY | O_TRUNC | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(sp_write_all(fd, word, strlen(word), &err), 0);
}

static bool acted(void)
{
	struct stat st;

	assert_int_equal(stat(policy, &st), 0);
	return st.st_size == 0;
}

/* For what the box does when nobody waits for it. */
static void await_act(void)
{
	for (int i = 0; !acted(); i++) {
		if (i == 1000) fail_msg("the box does not misbehave");
		usleep(10000);
	}
}

static struct sp_runtime *try_open(const char *word, struct sp_err *err)
{
	struct sp_runtime_options opt = {.slots = 2, .box_path = box_path, .policy_path = policy};

	set_word(word);
	return sp_native_open(&opt, &quick, err);
}

static struct sp_runtime *must_open(const char *word)
{
	struct sp_err err = {0};
	struct sp_runtime *r = try_open(word, &err);

	if (!r) fail_msg("%s: %s", word, err.msg);
	return r;
}

static void at_start(void **state)
{
	static const struct {
		const char *word;
		enum sp_code code;
		const char *says;
	} list[] = {
	        {"host-error", SP_E_UNSUPPORTED, "this host has no cgroups; mount them"},
	        {"exit-at-start", SP_E_UNSUPPORTED, "ended while it started"},
	        {"mute-at-start", SP_E_TIMEOUT, "did not become ready"},
	        {"short-packet-at-start", SP_E_UNSUPPORTED, "another protocol"},
	        {"begun-at-start", SP_E_UNSUPPORTED, "broke the protocol"},
	        {"slots-over", SP_E_UNSUPPORTED, "broke the protocol"},
	        {"fds-under", SP_E_UNSUPPORTED, "broke the protocol"},
	};
	int before = count_fds(getpid());

	for (size_t i = 0; i < SP_COUNT(list); i++) {
		struct sp_err err = {0};

		if (try_open(list[i].word, &err)) fail_msg("opened: %s", list[i].word);
		assert_true(acted());
		assert_string_equal(sp_code_name(err.code), sp_code_name(list[i].code));
		assert_contains(err.msg, list[i].says);
		assert_int_equal(count_fds(getpid()), before);
		assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	}
}

/* A box that was unfit is gone, and another one works. */
static void replaced(struct sp_runtime *r, pid_t box)
{
	assert_works(r, 0);
	assert_works(r, 1);
	assert_int_not_equal(sp_native_box_pid(r), box);
	sp_runtime_close(r);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

/* Each of these makes the box unfit: the step is nobody's fault, and the next one works. */
static void in_a_step(void **state)
{
	static const char *const words[] = {"mute-step", "short-packet-step", "empty-packet-step", "wrong-magic-step", "unknown-type",
	        "done-without-started", "started-with-null", "started-with-one", "started-twice", "ended-for-done", "exit-code-999",
	        "killed-unasked", "die-in-step"};

	for (size_t i = 0; i < SP_COUNT(words); i++) {
		struct sp_runtime *r = must_open(words[i]);
		pid_t box = sp_native_box_pid(r);
		struct kit k = kit_new(r, 0);

		kit_begin(&k);
		k.step.limits.wall_ms = k.step.limits.cpu_ms = 100;
		if (kit_try(&k, "./probe", "hang") == 0) fail_msg("%s: a result", words[i]);
		assert_true(acted());
		if (k.err.code != SP_E_UNAVAILABLE) fail_msg("%s: %s", words[i], k.err.msg);
		kit_end(&k);
		replaced(r, box);
	}
}

static int collect_after_a_step(struct kit *k, struct kit_collect *c)
{
	struct sp_collect ask = kit_ask;

	kit_begin(k);
	kit_run(k, "./probe", "exit", "0");
	ask.wall_ms = ask.cpu_ms = 100;
	return kit_collect_into(k, &ask, c, &k->err, (const char *const[]){"a"}, 1);
}

static void in_a_collection(void **state)
{
	static const char *const words[] = {"collect-mute", "collect-done", "collect-two-pipes", "collect-null", "die-in-collect"};

	for (size_t i = 0; i < SP_COUNT(words); i++) {
		struct sp_runtime *r = must_open(words[i]);
		pid_t box = sp_native_box_pid(r);
		struct kit k = kit_new(r, 0);
		struct kit_collect c = {0};

		if (collect_after_a_step(&k, &c) == 0) fail_msg("%s: a result", words[i]);
		assert_true(acted());
		if (k.err.code != SP_E_UNAVAILABLE) fail_msg("%s: %s", words[i], k.err.msg);
		kit_end(&k);
		replaced(r, box);
	}
}

/* A collector that lies, or does not finish, is an error of ours: the slot's evaluation is over, the box goes on. */
static void collectors_that_lie(void **state)
{
	static const struct {
		const char *word, *says, *log;
	} list[] = {
	        {"records-garbage", "the collector sent no header, or of another version", ""},
	        {"records-none", "the collector ended with code 0 before it was done", ""},
	        {"records-cut", "the collector ended with code 0 before it was done", "a 5 =abc\n"},
	        {"records-elsewhere", "the collector sent a path that leads elsewhere", ""},
	        {"records-unasked", "the collector sent a file that was not asked for", ""},
	        {"records-exit-3", "the collector ended with code 3", ""},
	        {"records-sigsys", "the collector ended by signal 31", ""},
	        {"collect-error", "making the collector", ""},
	};

	for (size_t i = 0; i < SP_COUNT(list); i++) {
		struct sp_runtime *r = must_open(list[i].word);
		pid_t box = sp_native_box_pid(r);
		struct kit k = kit_new(r, 0);
		struct kit_collect c = {0};

		if (collect_after_a_step(&k, &c) == 0) fail_msg("%s: a result", list[i].word);
		assert_true(acted());
		assert_contains(k.err.msg, list[i].says);
		assert_int_equal(k.err.code, SP_E_INTERNAL);
		assert_string_equal(c.log, list[i].log);
		assert_int_equal(c.whole, 0);
		/* nothing but the end is left to this evaluation */
		assert_int_equal(kit_try(&k, "./probe", "exit", "0"), -1);
		assert_int_equal(k.err.code, SP_E_INTERNAL);
		kit_end(&k);
		assert_works(r, 0);
		assert_int_equal(sp_native_box_pid(r), box);
		sp_runtime_close(r);
	}
}

/* The other slot's step is lost with the box, at once, though nothing was wrong with it. */
static void other_slots_learn_of_it(void **state)
{
	struct sp_runtime *r = must_open("mute-done");
	struct kit a = kit_new(r, 0), b = kit_new(r, 1);

	kit_begin(&a);
	kit_begin(&b);
	a.step.limits.wall_ms = a.step.limits.cpu_ms = 100;
	assert_int_equal(kit_try(&a, "./probe", "exit", "0"), -1);
	assert_true(acted());
	assert_int_equal(a.err.code, SP_E_UNAVAILABLE);
	assert_int_equal(kit_try(&b, "./probe", "exit", "0"), -1);
	assert_int_equal(b.err.code, SP_E_UNAVAILABLE);
	kit_end(&a);
	kit_end(&b);
	assert_works(r, 1);
	assert_works(r, 0);
	sp_runtime_close(r);
}

static void errors_of_the_box_are_ours(void **state)
{
	struct sp_runtime *r = must_open("begin-error");
	pid_t box = sp_native_box_pid(r);
	struct kit k = kit_new(r, 0);

	kit_begin(&k);
	assert_int_equal(kit_try(&k, "./probe", "exit", "0"), -1);
	assert_int_equal(k.err.code, SP_E_INTERNAL);
	assert_contains(k.err.msg, "mount?of?the tree");
	kit_end(&k);
	assert_works(r, 0);

	assert_int_equal(sp_native_box_pid(r), box);
	sp_runtime_close(r);

	r = must_open("error-after-started");
	box = sp_native_box_pid(r);
	k = kit_new(r, 0);
	kit_begin(&k);
	assert_int_equal(kit_try(&k, "./probe", "hang"), -1);
	assert_int_equal(k.err.code, SP_E_INTERNAL);
	assert_contains(k.err.msg, "lost the program");
	kit_end(&k);
	assert_works(r, 0);
	assert_int_equal(sp_native_box_pid(r), box);
	sp_runtime_close(r);
}

static void a_slot_that_is_never_clean(void **state)
{
	struct sp_runtime *r = must_open("no-ended");
	struct kit k = kit_new(r, 0);

	assert_works(r, 0);
	await_act();
	assert_int_equal(kit_try_begin(&k, NULL, 0), -1);
	assert_int_equal(k.err.code, SP_E_UNAVAILABLE);
	kit_end(&k);
	assert_works(r, 0);
	sp_runtime_close(r);
}

static void a_pipe_that_stays_open(void **state)
{
	struct sp_runtime *r = must_open("pipe-held");
	struct kit k = kit_new(r, 0);

	kit_begin(&k);
	kit_run(&k, "./probe", "out", "3000");
	assert_true(acted());
	assert_exit(&k, 0);
	assert_pattern(&k, SP_STDOUT, 3000);
	kit_end(&k);
	assert_works(r, 0);
	sp_runtime_close(r);
}

static void words_on_the_control_channel(void **state)
{
	struct sp_runtime *r = must_open("control-chatter");

	/* It is replaced, whether a slot was in use or not. */
	await_act();
	for (int i = 0; i < 20; i++) {
		struct kit k = kit_new(r, 0);
		bool ok = kit_try_begin(&k, NULL, 0) == 0 && kit_try(&k, "./probe", "exit", "0") == 0;

		if (!ok) assert_int_equal(k.err.code, SP_E_UNAVAILABLE);
		kit_end(&k);
	}
	assert_works(r, 0);
	sp_runtime_close(r);
}

static void a_box_that_does_not_go(void **state)
{
	struct sp_runtime *r = must_open("stubborn");
	pid_t all[64], parent;
	char st;

	assert_works(r, 0);
	int n = processes_below(sp_native_starter_pid(r), all, 64);
	assert_true(n >= 5);
	sp_runtime_close(r);
	for (int i = 0; i < n; i++) {
		/* Grandchildren die with the box, but are reaped by whoever they were left to. */
		for (int k = 0; process_stat(all[i], &parent, &st) && st != 'Z'; k++) {
			if (k == 1000) fail_msg("process %d is still there, state %c", all[i], st);
			usleep(10000);
		}
	}
}

static void the_box_comes_back_after_failed_starts(void **state)
{
	static const char *const words[] = {"host-error", "exit-at-start", "mute-at-start"};
	struct sp_runtime *r = must_open("");

	for (size_t i = 0; i < SP_COUNT(words); i++) {
		set_word(words[i]);
		assert_int_equal(kill(sp_native_box_pid(r), SIGKILL), 0);
		await_act();
		await_healthy(r);
		assert_works(r, 0);
		assert_works(r, 1);
	}
	sp_runtime_close(r);
}

/* Whoever takes the output may be slow: the time that takes is not the box's, and nothing is lost. */
static void be_slow(struct kit *k) { usleep(800000); }

static void a_slow_reader(void **state)
{
	struct sp_runtime *r = must_open("");
	pid_t box = sp_native_box_pid(r);
	struct kit k = kit_new(r, 0);

	kit_begin(&k);
	k.step.limits.wall_ms = k.step.limits.cpu_ms = 100;
	k.at_output = be_slow;
	kit_run(&k, "./probe", "out", "60000");
	assert_exit(&k, 0);
	assert_pattern(&k, SP_STDOUT, 60000);
	kit_end(&k);
	assert_works(r, 0);
	assert_int_equal(sp_native_box_pid(r), box);
	sp_runtime_close(r);
}

/* Without it nothing is started again, but what runs goes on, and the end is orderly. */
static void the_starter_is_killed(void **state)
{
	struct sp_runtime *r = must_open("");
	pid_t box = sp_native_box_pid(r);

	assert_int_equal(kill(sp_native_starter_pid(r), SIGKILL), 0);
	for (int i = 0; i < 5; i++) assert_works(r, i % 2);
	assert_int_equal(sp_runtime_healthy_slots(r), 2);
	assert_int_equal(kill(box, SIGKILL), 0);
	for (int i = 0; sp_runtime_healthy_slots(r) > 0; i++) {
		if (i == 1000) fail_msg("a dead box is called healthy");
		usleep(10000);
	}
	struct kit k = kit_new(r, 0);
	assert_int_equal(kit_try_begin(&k, NULL, 0), -1);
	assert_int_equal(k.err.code, SP_E_UNAVAILABLE);
	kit_end(&k);
	sp_runtime_close(r);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

/* The starter keeps nothing of the service's open but its own ends, and sits outside of the terminal's group. */
static void the_starter_is_bare(void **state)
{
	char path[64], target[256];
	int leak = open("/dev/zero", O_RDONLY); /* without O_CLOEXEC */
	struct sp_runtime *r = must_open("");
	pid_t starter = sp_native_starter_pid(r), all[64];

	assert_int_not_equal(getpgid(starter), getpgid(0));
	int n = processes_below(starter, all, 64);
	for (int i = 0; i < n; i++) {
		for (int fd = 0; fd < 64; fd++) {
			snprintf(path, sizeof path, "/proc/%d/fd/%d", all[i], fd);
			ssize_t k = readlink(path, target, sizeof target - 1);
			target[k < 0 ? 0 : k] = '\0';
			assert_string_not_equal(target, "/dev/zero");
		}
	}
	close(leak);
	sp_runtime_close(r);
}

/* Nothing of ours stays when the service is killed. */
static void the_service_is_killed(void **state)
{
	int tell[2];
	pid_t all[64], parent;
	int n = 0;
	char st;

	assert_int_equal(pipe(tell), 0);
	fflush(NULL);
	pid_t service = fork();
	if (service == 0) {
		struct sp_err err = {0};
		struct sp_runtime *r = try_open("", &err);
		pid_t starter = r ? sp_native_starter_pid(r) : 0;

		(void)!write(tell[1], &starter, sizeof starter);
		for (;;) pause();
	}
	assert_int_equal(read(tell[0], all, sizeof all[0]), sizeof all[0]);
	assert_true(all[0] > 0);
	n = processes_below(all[0], all, 64);
	assert_true(n >= 5);
	assert_int_equal(kill(service, SIGKILL), 0);
	assert_int_equal(waitpid(service, NULL, 0), service);
	for (int i = 0; i < n; i++) {
		for (int k = 0; process_stat(all[i], &parent, &st) && st != 'Z'; k++) {
			if (k == 1000) fail_msg("process %d is still there, state %c", all[i], st);
			usleep(10000);
		}
	}
	close(tell[0]);
	close(tell[1]);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(at_start),
	        cmocka_unit_test(in_a_step),
	        cmocka_unit_test(in_a_collection),
	        cmocka_unit_test(collectors_that_lie),
	        cmocka_unit_test(other_slots_learn_of_it),
	        cmocka_unit_test(errors_of_the_box_are_ours),
	        cmocka_unit_test(a_slot_that_is_never_clean),
	        cmocka_unit_test(a_pipe_that_stays_open),
	        cmocka_unit_test(words_on_the_control_channel),
	        cmocka_unit_test(a_slow_reader),
	        cmocka_unit_test(a_box_that_does_not_go),
	        cmocka_unit_test(the_box_comes_back_after_failed_starts),
	        cmocka_unit_test(the_starter_is_killed),
	        cmocka_unit_test(the_starter_is_bare),
	        cmocka_unit_test(the_service_is_killed),
	};

	if (argc < 3) {
		fprintf(stderr, "usage: runtime_abuse FAKE_BOX PROBE\n");
		return 2;
	}
	box_path = argv[1];
	kit_load_probe(argv[2]);
	if (argc > 3) cmocka_set_test_filter(argv[3]);
	int failed = cmocka_run_group_tests_name("runtime abuse", tests, make_policy, remove_policy);
	sp_buf_fini(&kit_probe);
	return failed ? 1 : 0;
}
