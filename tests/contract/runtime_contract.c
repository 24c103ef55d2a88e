/* SPDX-License-Identifier: MIT */
/*
 * What every runtime back-end has to do. Usage: runtime_contract BOX PROBE [plain|isolated [TEST]]
 *
 * With `plain` BOX has no isolation (fake_box): what needs limits or namespaces is then not part of the suite.
 */
#include <pthread.h>

#include "runtime_contract.h"

struct sp_runtime *R;
struct sp_buf kit_probe;
static const char *box_path;

/* --- Many runs ----------------------------------------------------------- */

struct worker {
	pthread_t thread;
	int slot, good;
};

/* No assertion of cmocka's here: they must stay on the test's own thread. */
static void *many_runs(void *arg)
{
	struct worker *w = arg;

	for (int i = 0; i < 200; i++) {
		struct sp_source_file file = {.path = "probe", .data = kit_probe.data, .size = kit_probe.len, .executable = true};
		struct sp_workspace ws = {.root = "host", .files = &file, .nfiles = 1, .files_bytes = 8 * MIB};
		char code[8], text[32];
		const char *argv[] = {"./probe", "exit", code, NULL}, *argv2[] = {"./probe", "args", text, NULL};
		struct kit k = kit_new(R, w->slot);

		snprintf(code, sizeof code, "%d", i & 0x7f);
		snprintf(text, sizeof text, "slot %d run %03d", w->slot, i);
		bool ok = sp_runtime_begin(R, w->slot, &ws, &k.err) == 0 && kit_try_argv(&k, argv) == 0 && !k.res.signaled &&
		          k.res.code == (i & 0x7f) && kit_try_argv(&k, argv2) == 0 && k.out[0].len == 18 &&
		          memcmp(k.out[0].data + 3, text, 14) == 0;
		if (ok)
			w->good++;
		else
			fprintf(stderr, "slot %d run %d: code %d, %zu bytes, %s\n", w->slot, i, k.res.code, k.out[0].len, k.err.msg);
		kit_end(&k);
	}
	return NULL;
}

static void two_slots_in_parallel(void **state)
{
	struct worker w[2] = {{.slot = 0}, {.slot = 1}};

	for (int i = 0; i < 2; i++) assert_int_equal(pthread_create(&w[i].thread, NULL, many_runs, &w[i]), 0);
	for (int i = 0; i < 2; i++) assert_int_equal(pthread_join(w[i].thread, NULL), 0);
	assert_int_equal(w[0].good, 200);
	assert_int_equal(w[1].good, 200);
}

static void one_of_many(int i)
{
	struct kit k = kit_new(R, 0);

	kit_begin(&k);
	if (i % 5 == 0) sp_runtime_interrupt(R, 0);
	if (i % 7 == 0) {
		assert_int_equal(kit_try(&k, "no-such-command"), i % 5 ? -1 : 0);
	} else {
		k.step.stdin_data = "x";
		k.step.stdin_size = 1;
		k.step.merge_output = i % 2;
		kit_run(&k, "./probe", "cat");
	}
	kit_end(&k);
}

static void nothing_leaks_over_300_runs(void **state)
{
	pid_t box = sp_native_box_pid(R), below[256];

	for (int i = 0; i < 10; i++) one_of_many(i);
	assert_works(R, 0);
	int ours = count_fds(getpid()), theirs = count_fds(box), processes = processes_below(box, below, 256);
	for (int i = 0; i < 300; i++) one_of_many(i);
	assert_works(R, 0);
	assert_int_equal(count_fds(getpid()), ours);
	/* A box may have things under way or made ahead at either moment, a few a slot; what leaks is there a hundred times. */
	assert_in_range(count_fds(box), 1, theirs + 8);
	assert_in_range(processes_below(box, below, 256), 1, processes + 4);
	assert_int_equal(sp_native_box_pid(R), box);
}

/* Both slots at work, interrupts and dying boxes at any moment: a result is right, or there is none. */
struct soldier {
	pthread_t thread;
	struct sp_runtime *r;
	int slot, good, interrupted, lost, wrong, collected;
	atomic_bool *stop;
	/* of the collection at hand */
	int files;
	size_t bytes;
	bool same, whole;
};

static void harvest_file(void *cls, const struct sp_artifact *a)
{
	struct soldier *w = cls;
	w->files++;
	w->same = a->missing == SP_MISSING_NOT && a->executable && strcmp(a->path, "probe") == 0;
}

static void harvest_data(void *cls, const char *p, size_t n)
{
	struct soldier *w = cls;
	w->same = w->same && n <= kit_probe.len - w->bytes && memcmp(p, kit_probe.data + w->bytes, n) == 0;
	w->bytes += n;
}

static void harvest_end(void *cls, bool whole) { ((struct soldier *)cls)->whole = whole; }

/* The program's own file: given whole and right, or in part and right, or lost. */
static void harvest(struct soldier *w)
{
	static const char *const patterns[] = {"pro*"};
	struct sp_collect c = {
	        .patterns = patterns, .npatterns = 1, .files_max = 5, .file_bytes_max = 16 * MIB, .total_bytes_max = 16 * MIB};
	struct sp_collect_result res;
	struct sp_err err = {0};

	c.depth_max = 3;
	c.wall_ms = c.cpu_ms = 20000;
	c.on_file = harvest_file;
	c.on_data = harvest_data;
	c.on_file_end = harvest_end;
	c.cls = w;
	w->files = 0;
	w->bytes = 0;
	w->same = w->whole = false;
	bool called = sp_runtime_collect(w->r, w->slot, &c, &res, &err) == 0;
	if (!called && err.code == SP_E_UNAVAILABLE)
		w->lost++;
	else if (called && !res.complete && res.killed_by == SP_KILLED_CALLER && (w->files == 0 || w->same))
		w->interrupted++;
	else if (called && res.complete && w->files == 1 && w->same && w->whole && w->bytes == kit_probe.len)
		w->collected++;
	else
		w->wrong++, fprintf(stderr, "slot %d: collected %d files, %zu bytes, %s\n", w->slot, w->files, w->bytes, err.msg);
}

static void *under_fire(void *arg)
{
	struct soldier *w = arg;

	for (int i = 0; !atomic_load(w->stop); i++) {
		struct sp_source_file file = {.path = "probe", .data = kit_probe.data, .size = kit_probe.len, .executable = true};
		struct sp_workspace ws = {.root = "host", .files = &file, .nfiles = 1, .files_bytes = 8 * MIB};
		char text[16];
		const char *argv[] = {"./probe", "args", text, NULL};
		struct kit k = kit_new(w->r, w->slot);

		snprintf(text, sizeof text, "%d-%07d", w->slot, i);
		if (sp_runtime_begin(w->r, w->slot, &ws, &k.err) || kit_try_argv(&k, argv)) {
			if (k.err.code == SP_E_UNAVAILABLE)
				w->lost++;
			else
				w->wrong++, fprintf(stderr, "%s\n", k.err.msg);
		} else if (k.res.killed_by == SP_KILLED_CALLER) {
			w->interrupted++;
		} else if (!k.res.signaled && k.res.code == 0 && k.out[0].len == 12 && memcmp(k.out[0].data + 2, text, 9) == 0) {
			w->good++;
			harvest(w);
		} else {
			w->wrong++;
			fprintf(stderr, "slot %d run %d: %s %d, %zu bytes\n", w->slot, i, k.res.signaled ? "signal" : "exit", k.res.code,
			        k.out[0].len);
		}
		kit_end(&k);
	}
	return NULL;
}

static void results_are_right_or_absent(void **state)
{
	struct sp_native_tuning t = sp_native_tuning_default;
	struct sp_runtime_options opt = {.slots = 2, .box_path = box_path};
	struct sp_err err = {0};
	atomic_bool stop = false;

	t.backoff_min_ms = t.backoff_max_ms = 10;
	struct sp_runtime *r = sp_native_open(&opt, &t, &err);
	assert_non_null(r);
	struct soldier w[2] = {{.r = r, .slot = 0, .stop = &stop}, {.r = r, .slot = 1, .stop = &stop}};
	for (int i = 0; i < 2; i++) assert_int_equal(pthread_create(&w[i].thread, NULL, under_fire, &w[i]), 0);
	for (int i = 0; i < 300; i++) {
		usleep(7000);
		sp_runtime_interrupt(r, i % 2);
		if (i % 30 == 29) {
			pid_t box = sp_native_box_pid(r);
			if (box > 1) kill(box, SIGKILL);
		}
	}
	atomic_store(&stop, true);
	for (int i = 0; i < 2; i++) assert_int_equal(pthread_join(w[i].thread, NULL), 0);
	sp_runtime_close(r);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(w[i].wrong, 0);
		assert_true(w[i].good > 0);
		assert_true(w[i].collected > 0);
	}
	assert_true(w[0].interrupted + w[1].interrupted > 0);
	assert_true(w[0].lost + w[1].lost > 0);
}

/* --- The box dies -------------------------------------------------------- */

static void kill_box(struct kit *k)
{
	pid_t box = sp_native_box_pid(k->r);

	k->arg = box;
	assert_true(box > 1);
	assert_int_equal(kill(box, SIGKILL), 0);
}

static void the_box_is_killed_during_a_step(void **state)
{
	for (int i = 0; i < 3; i++) {
		struct kit k = kit_new(R, 0);

		kit_begin(&k);
		k.at_output = kill_box;
		assert_int_equal(kit_try(&k, "./probe", "hang"), -1);
		assert_int_equal(k.err.code, SP_E_UNAVAILABLE);
		assert_true(k.err.retryable);
		kit_end(&k);
		await_healthy(R);
		assert_int_not_equal(sp_native_box_pid(R), k.arg);
		assert_works(R, 0);
		assert_works(R, 1);
	}
}

static void the_box_is_killed_between_steps(void **state)
{
	struct kit k = kit_new(R, 0);

	kit_begin(&k);
	kit_run(&k, "./probe", "exit", "0");
	kill_box(&k);
	assert_int_equal(kit_try(&k, "./probe", "exit", "0"), -1);
	assert_int_equal(k.err.code, SP_E_UNAVAILABLE);
	kit_end(&k);
	await_healthy(R);
	assert_works(R, 0);
}

static void the_stub_is_killed(void **state)
{
	pid_t stub = sp_native_stub_pid(R), box = sp_native_box_pid(R), parent;
	char state_of_box = 0;

	assert_int_equal(kill(stub, SIGKILL), 0);
	/* A box without its stub has to go, whoever sees to it. */
	for (int i = 0; process_stat(box, &parent, &state_of_box) && state_of_box != 'Z'; i++) {
		if (i == 3000) fail_msg("the box outlives its stub");
		usleep(10000);
	}
	for (int i = 0; sp_native_stub_pid(R) == stub || sp_native_stub_pid(R) == 0; i++) {
		if (i == 3000) fail_msg("the box did not come back");
		usleep(10000);
	}
	await_healthy(R);
	assert_works(R, 0);
	assert_works(R, 1);
}

/* --- Open and close ------------------------------------------------------ */

static int open_runtime(void **state)
{
	struct sp_runtime_options opt = {.slots = 2, .box_path = box_path};
	struct sp_err err = {0};

	R = sp_runtime_open("native", &opt, &err);
	if (!R) fprintf(stderr, "%s\n", err.msg);
	return R ? 0 : -1;
}

int end_slots(void **state)
{
	if (!R) return open_runtime(state);
	for (int i = 0; i < 2; i++) sp_runtime_end(R, i);
	return 0;
}

static int close_runtime(void **state)
{
	sp_runtime_close(R);
	R = NULL;
	return 0;
}

static void describes_itself(void **state)
{
	struct sp_runtime_info i;

	sp_runtime_info(R, &i);
	assert_int_equal(i.slots, 2);
	assert_string_equal(i.name, "native");
	assert_true(i.isolation[0]);
	assert_int_equal(sp_runtime_healthy_slots(R), 2);
}

static void everything_is_enforced(void **state)
{
	struct sp_runtime_info i;

	sp_runtime_info(R, &i);
	assert_int_equal(i.enforced,
	        SP_ENFORCED_IDS | SP_ENFORCED_MEMORY | SP_ENFORCED_PIDS | SP_ENFORCED_CPU | SP_ENFORCED_SECCOMP | SP_ENFORCED_NETWORK);
	assert_memory_equal(i.isolation, "cgroup v", 8);
}

/* The control groups (v1 or v2) that a process is in, as directories; those of a box are named after it. */
static int box_cgroups(pid_t pid, char (*out)[512], int max)
{
	char path[64], *save = NULL;
	struct sp_buf b;
	int n = 0;

	snprintf(path, sizeof path, "/proc/%d/cgroup", (int)pid);
	sp_buf_init(&b, 65536);
	if (sp_read_file(path, 65536, &b, NULL) == 0 && b.len) {
		for (char *line = strtok_r(b.data, "\n", &save); line && n < max; line = strtok_r(NULL, "\n", &save)) {
			char *controller = strchr(line, ':') + 1, *dir = strchr(controller, ':');

			*dir++ = '\0';
			if (strstr(dir, "/serapis-box-")) snprintf(out[n++], 512, "/sys/fs/cgroup/%s%s", controller, dir);
		}
	}
	sp_buf_fini(&b);
	return n;
}

static void close_leaves_nothing(void **state)
{
	enum { MOST = 256 };
	static char groups[64][512];
	pid_t all[MOST], parent, starter = sp_native_starter_pid(R);
	int n, ngroups = 0;
	char st;
	struct sp_runtime_info info;

	/* In the midst of things: one tree stands, one is being cleaned. */
	assert_works(R, 1);
	struct kit k = kit_new(R, 0);
	kit_begin(&k);
	kit_run(&k, "./probe", "exit", "0");
	kit_end(&k);
	n = processes_below(starter, all, MOST);
	assert_true(n >= 3);
	for (int i = 0; i < n && ngroups < 48; i++) ngroups += box_cgroups(all[i], groups + ngroups, 64 - ngroups);
	/* A box that claims control groups has processes in some. */
	sp_runtime_info(R, &info);
	assert_true(info.enforced & SP_ENFORCED_MEMORY ? ngroups >= 3 : ngroups == 0);
	sp_runtime_close(R);
	R = NULL;
	for (int i = 0; i < n; i++) {
		if (process_stat(all[i], &parent, &st)) fail_msg("process %d is still there, state %c", all[i], st);
	}
	for (int i = 0; i < ngroups; i++) {
		if (access(groups[i], F_OK) == 0) fail_msg("%s is still there", groups[i]);
	}
	errno = 0;
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	assert_int_equal(open_runtime(NULL), 0);
	assert_works(R, 0);
	assert_works(R, 1);
}

/* A service that has given up root for good; the test, which has not, kills its box. */
static int without_root(int tell)
{
	struct sp_source_file probe = {.path = "probe", .data = kit_probe.data, .size = kit_probe.len, .executable = true};
	struct sp_workspace w = {.root = "host", .files = &probe, .nfiles = 1, .files_bytes = 8 * MIB};

	if (open_runtime(NULL) || setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534)) return 10;
	for (int i = 0; i < 3; i++) {
		pid_t box = sp_native_box_pid(R);
		struct kit k = kit_new(R, 0);

		while (sp_runtime_begin(R, 0, &w, &k.err)) {
			if (k.err.code != SP_E_UNAVAILABLE) return 11;
		}
		k.step.limits.wall_ms = 10000;
		if (kit_try(&k, "./probe", "exit", "5") || k.res.code != 5) return 12;
		if (write(tell, &box, sizeof box) != sizeof box) return 13;
		if (kit_try(&k, "./probe", "hang") != -1 || k.err.code != SP_E_UNAVAILABLE) return 14;
		kit_end(&k);
		while (sp_runtime_healthy_slots(R) == 0) usleep(10000);
	}
	sp_runtime_close(R);
	return waitpid(-1, NULL, WNOHANG) == -1 ? 0 : 15;
}

static void the_box_comes_back_without_root(void **state)
{
	int tell[2], status;
	pid_t box, last = 0;

	sp_runtime_close(R);
	R = NULL;
	assert_int_equal(pipe(tell), 0);
	fflush(NULL);
	pid_t service = fork();
	if (service == 0) {
		close(tell[0]);
		_exit(without_root(tell[1]));
	}
	close(tell[1]);
	while (read(tell[0], &box, sizeof box) == sizeof box) {
		assert_int_not_equal(box, last);
		last = box;
		assert_int_equal(kill(box, SIGKILL), 0);
	}
	close(tell[0]);
	assert_int_equal(waitpid(service, &status, 0), service);
	assert_int_equal(status, 0);
	assert_true(last > 0);
	assert_int_equal(open_runtime(NULL), 0);
}

static void open_that_cannot_work(void **state)
{
	struct sp_runtime_options opt = {.slots = 2, .box_path = "/nonexistent/serapis-box"};
	struct sp_err err = {0};

	assert_null(sp_runtime_open("native", &opt, &err));
	assert_int_equal(err.code, SP_E_UNSUPPORTED);
	assert_contains(err.msg, "/nonexistent/serapis-box");
	opt.box_path = "/bin/true";
	assert_null(sp_runtime_open("native", &opt, &err));
	assert_int_equal(err.code, SP_E_UNSUPPORTED);
	opt.slots = 0;
	assert_null(sp_runtime_open("native", &opt, &err));
	assert_int_equal(err.code, SP_E_INVALID);
	opt.slots = 1;
	assert_null(sp_runtime_open("punch-cards", &opt, &err));
	assert_int_equal(err.code, SP_E_INVALID);
	assert_contains(err.msg, "punch-cards");
}

static const struct CMUnitTest plain[] = {
        contract_test(describes_itself),
        contract_test(two_slots_in_parallel),
        contract_test(nothing_leaks_over_300_runs),
        contract_test(results_are_right_or_absent),
        contract_test(the_box_is_killed_during_a_step),
        contract_test(the_box_is_killed_between_steps),
        contract_test(the_stub_is_killed),
        contract_test(open_that_cannot_work),
        contract_test(close_leaves_nothing),
};

static const struct CMUnitTest isolated[] = {
        contract_test(the_box_comes_back_without_root),
        contract_test(everything_is_enforced),
};
const struct runtime_suite life_suite = {plain, SP_COUNT(plain), isolated, SP_COUNT(isolated)};

static size_t add(struct CMUnitTest *tests, size_t n, const struct CMUnitTest *more, size_t k)
{
	memcpy(tests + n, more, k * sizeof *more);
	return n + k;
}

int main(int argc, char **argv)
{
	const struct runtime_suite *suites[] = {&program_suite, &limit_suite, &collect_suite, &life_suite};
	struct CMUnitTest tests[200];
	size_t n = 0;

	if (argc < 3) {
		fprintf(stderr, "usage: runtime_contract BOX PROBE [plain|isolated [TEST]]\n");
		return 2;
	}
	box_path = argv[1];
	kit_load_probe(argv[2]);
	bool no_isolation = argc > 3 && strcmp(argv[3], "plain") == 0;
	if (argc > 4) cmocka_set_test_filter(argv[4]);
	for (size_t i = 0; i < SP_COUNT(suites); i++) {
		n = add(tests, n, suites[i]->plain, suites[i]->nplain);
		if (!no_isolation) n = add(tests, n, suites[i]->isolated, suites[i]->nisolated);
	}
	/* What cmocka's macro expands to: the table is put together here. */
	int failed = _cmocka_run_group_tests("runtime", tests, n, open_runtime, close_runtime);
	sp_buf_fini(&kit_probe);
	return failed ? 1 : 0;
}
