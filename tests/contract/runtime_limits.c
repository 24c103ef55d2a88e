/* SPDX-License-Identifier: MIT */
/* The runtime's contract: interrupt and limits. */
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "runtime_contract.h"

/* --- Interrupt ----------------------------------------------------------- */

static void *interrupt_other(void *arg)
{
	struct kit *k = arg;
	sp_runtime_interrupt(k->r, k->slot);
	return NULL;
}

static void interrupt_from_a_thread(struct kit *k)
{
	pthread_t t;

	assert_int_equal(pthread_create(&t, NULL, interrupt_other, k), 0);
	assert_int_equal(pthread_join(t, NULL), 0);
}

static void interrupt_during_a_step(void **state)
{
	struct kit k = kit_new(R, 0);

	kit_begin(&k);
	k.at_output = interrupt_from_a_thread;
	kit_run(&k, "./probe", "hang");
	assert_killed(&k, SP_KILLED_CALLER);
	assert_out(&k, SP_STDOUT, "up\n");
	/* It holds until `end`. */
	kit_run(&k, "./probe", "exit", "0");
	assert_killed(&k, SP_KILLED_CALLER);
	kit_end(&k);
	assert_works(R, 0);
}

static void interrupt_before_a_step(void **state)
{
	struct kit k = kit_new(R, 0);

	kit_begin(&k);
	sp_runtime_interrupt(R, 0);
	kit_run(&k, "./probe", "hang");
	assert_killed(&k, SP_KILLED_CALLER);
	kit_end(&k);
	/* Between two evaluations it means nobody. */
	sp_runtime_interrupt(R, 0);
	assert_works(R, 0);
	assert_works(R, 1);
}

/* An interrupt at any moment of a step's start: it must never be lost. */
static void *interrupt_late(void *arg)
{
	struct kit *k = arg;
	usleep((useconds_t)k->arg);
	sp_runtime_interrupt(k->r, k->slot);
	return NULL;
}

static void interrupt_while_a_step_starts(void **state)
{
	for (int i = 0; i < 60; i++) {
		struct kit k = kit_new(R, 0);
		pthread_t t;

		kit_begin(&k);
		k.arg = i * 100;
		assert_int_equal(pthread_create(&t, NULL, interrupt_late, &k), 0);
		kit_run(&k, "./probe", "hang");
		assert_int_equal(pthread_join(t, NULL), 0);
		assert_killed(&k, SP_KILLED_CALLER);
		kit_end(&k);
	}
}

/* --- Limits -------------------------------------------------------------- */

static void wall_limit(void **state)
{
	struct kit k = kit_new(R, 0);

	kit_begin(&k);
	k.step.limits.wall_ms = 150;
	kit_run(&k, "./probe", "hang");
	assert_killed(&k, SP_KILLED_WALL);
	assert_out(&k, SP_STDOUT, "up\n");
	kit_run(&k, "/bin/sh", "-c", "trap '' TERM INT HUP; echo in; while :; do sleep 100; done");
	assert_killed(&k, SP_KILLED_WALL);
	assert_out(&k, SP_STDOUT, "in\n");
	kit_end(&k);
	assert_works(R, 0);
}

static void cpu_limit(void **state)
{
	struct kit k = kit_new(R, 0);

	kit_begin(&k);
	k.step.limits.cpu_ms = 200;
	kit_run(&k, "./probe", "spin");
	assert_killed(&k, SP_KILLED_CPU);
	assert_true(k.res.cpu_ns >= 200 * INT64_C(1000000));
	/* The time of all processes counts together, and that of the step before does not. */
	kit_run(&k, "/bin/sh", "-c", "./probe spin & ./probe spin & wait");
	assert_killed(&k, SP_KILLED_CPU);
	kit_run(&k, "./probe", "exit", "0");
	assert_exit(&k, 0);
	assert_true(k.res.cpu_ns > 0 && k.res.cpu_ns < 200 * INT64_C(1000000));
	kit_end(&k);
}

/* The peak is told to within 4 MiB: so far may a slot's own use be from the baseline that is taken off. */
static void assert_peak(const struct kit *k, int64_t least, int64_t most)
{
	if (k->res.memory_peak_bytes < least || k->res.memory_peak_bytes > most)
		fail_msg("peak of %lld bytes, not %lld to %lld", (long long)k->res.memory_peak_bytes, (long long)least, (long long)most);
}

static void memory_limit(void **state)
{
	struct kit k = kit_new(R, 0);

	kit_begin(&k);
	k.step.limits.memory_bytes = 64 * MIB;
	kit_run(&k, "./probe", "memory", "200");
	assert_killed(&k, SP_KILLED_NOT);
	assert_true(k.res.oom);
	assert_peak(&k, 48 * MIB, 66 * MIB);

	kit_run(&k, "./probe", "memory", "40");
	assert_exit(&k, 0);
	assert_false(k.res.oom);
	assert_peak(&k, 36 * MIB, 60 * MIB);
	kit_end(&k);
	assert_works(R, 0);
}

static void memory_limit_counts_the_tree(void **state)
{
	struct kit k = kit_new(R, 0);

	kit_begin(&k);
	k.step.limits.memory_bytes = 24 * MIB;
	kit_run(&k, "./probe", "fill", "big");
	assert_killed(&k, SP_KILLED_NOT);
	assert_true(k.res.oom);
	kit_end(&k);
	assert_works(R, 0);
}

static void process_limit(void **state)
{
	struct kit k = kit_new(R, 0);
	int n = 0;
	char why[16] = "";

	kit_begin(&k);
	k.step.limits.processes = 16;
	kit_run(&k, "./probe", "forks");
	assert_exit(&k, 0);
	assert_int_equal(sscanf(k.out[0].data, "%d %15s", &n, why), 2);
	assert_string_equal(why, "EAGAIN");
	assert_int_equal(n, 15);
	assert_true(k.res.pids_hit);

	kit_run(&k, "./probe", "exit", "0");
	assert_exit(&k, 0);
	assert_false(k.res.pids_hit);
	kit_end(&k);
}

static void a_fork_bomb_is_held(void **state)
{
	struct kit k = kit_new(R, 0);

	kit_begin(&k);
	k.step.limits.processes = 32;
	k.step.limits.wall_ms = 300;
	kit_run(&k, "./probe", "bomb");
	assert_killed(&k, SP_KILLED_WALL);
	assert_true(k.res.pids_hit);
	kit_end(&k);
	assert_works(R, 0);
}

static void a_full_tree(void **state)
{
	struct sp_source_file probe = {.path = "probe", .data = kit_probe.data, .size = kit_probe.len, .executable = true};
	struct sp_workspace w = {.root = "host", .files = &probe, .nfiles = 1, .files_bytes = 4 * MIB};

	for (int i = 0; i < 3; i++) {
		static const char *const where[] = {"/box/f", "/tmp/f", "/dev/shm/f"};
		struct kit k = kit_new(R, 0);

		assert_int_equal(sp_runtime_begin(R, 0, &w, &k.err), 0);
		kit_run(&k, "./probe", "fill", where[i]);
		assert_exit(&k, 3);
		assert_true(k.res.tree_full);
		kit_end(&k);
	}
	struct kit k = kit_new(R, 0);
	kit_begin(&k);
	kit_run(&k, "./probe", "exit", "0");
	assert_false(k.res.tree_full);
	kit_run(&k, "./probe", "files");
	assert_exit(&k, 3);
	assert_true(k.res.tree_full);
	kit_end(&k);
}

static void files_over_the_tree(void **state)
{
	struct sp_source_file probe = {.path = "probe", .data = kit_probe.data, .size = kit_probe.len, .executable = true};
	sp_autofree char *data = sp_calloc(1, 2 * (size_t)MIB);
	struct sp_source_file two[] = {probe, {.path = "big", .data = data, .size = 2 * (size_t)MIB}};
	struct sp_workspace w = {.root = "host", .files = two, .nfiles = 2, .files_bytes = MIB};
	struct kit k = kit_new(R, 0);

	int r = sp_runtime_begin(R, 0, &w, &k.err);
	if (r == 0) r = kit_try(&k, "./probe", "exit", "0");
	assert_int_equal(r, -1);
	assert_int_equal(k.err.code, SP_E_INVALID);
	assert_true(k.err.msg[0]);
	kit_end(&k);
	assert_works(R, 0);
}

static void file_size_limit(void **state)
{
	struct kit k = kit_new(R, 0);

	kit_begin(&k);
	k.step.limits.files_bytes = MIB;
	kit_run(&k, "./probe", "fill", "f");
	assert_true(k.res.signaled);
	assert_int_equal(k.res.code, SIGXFSZ);
	kit_run(&k, "./probe", "mode", "f");
	assert_out(&k, SP_STDOUT, "644 1 1048576\n");
	kit_end(&k);
}

static void open_files_limit(void **state)
{
	struct kit k = kit_new(R, 0);

	kit_begin(&k);
	k.step.limits.open_files = 40;
	kit_run(&k, "./probe", "nofile");
	assert_out(&k, SP_STDOUT, "40\n");
	kit_end(&k);
}

/* A pipe of ours with one byte in it, other than `not`; -1: there is none. */
static int pipe_with_a_byte(int not )
{
	for (int fd = 3; fd < 256; fd++) {
		struct stat st;
		int ready = 0;

		if (fd != not &&fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode) && ioctl(fd, FIONREAD, &ready) == 0 && ready == 1) return fd;
	}
	return -1;
}

/*
 * What a program does that opens /dev/stderr for reading: poll has announced a byte, and when it is read it is gone. Here it is taken through our own
 * end of the pipe, at a moment when the announcement is certain: on the step's thread, while the byte before it is being delivered.
 */
static void take_stderr_back(struct kit *k)
{
	char path[32], c;

	snprintf(path, sizeof path, "/proc/self/fd/%d", pipe_with_a_byte(-1));
	sp_autoclose int again = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_int_equal(read(again, &c, 1), 1);
	assert_int_equal(c, 'e');
	sp_runtime_interrupt(k->r, k->slot);
}

/* At the first word: the next look at the pipes shall find both. */
static void wait_for_both(struct kit *k)
{
	for (int i = 0, first = -1; (first = pipe_with_a_byte(-1)) < 0 || pipe_with_a_byte(first) < 0; i++) {
		if (i == 1000) fail_msg("the program does not write");
		usleep(5000);
	}
	k->at_output = take_stderr_back;
}

static void interrupt_of_a_program_that_takes_its_output_back(void **state)
{
	struct kit k = kit_new(R, 0);

	kit_begin(&k);
	k.step.limits.wall_ms = 5000;
	k.at_output = wait_for_both;
	kit_run(&k, "./probe", "two-words");
	assert_killed(&k, SP_KILLED_CALLER);
	assert_out(&k, SP_STDOUT, "first\no");
	assert_out(&k, SP_STDERR, "");
	kit_end(&k);
	assert_works(R, 0);
}

static const struct CMUnitTest plain[] = {
        contract_test(interrupt_during_a_step),
        contract_test(interrupt_of_a_program_that_takes_its_output_back),
        contract_test(interrupt_before_a_step),
        contract_test(interrupt_while_a_step_starts),
        contract_test(wall_limit),
        contract_test(file_size_limit),
        contract_test(open_files_limit),
};

static const struct CMUnitTest isolated[] = {
        contract_test(cpu_limit),
        contract_test(memory_limit),
        contract_test(memory_limit_counts_the_tree),
        contract_test(process_limit),
        contract_test(a_fork_bomb_is_held),
        contract_test(a_full_tree),
        contract_test(files_over_the_tree),
};
const struct runtime_suite limit_suite = {plain, SP_COUNT(plain), isolated, SP_COUNT(isolated)};
