/* SPDX-License-Identifier: MIT */
/* What a program gets and what comes back of it. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "boxclient.h"

static struct bx box;
static int slot;

static int start(void **state)
{
	bx_start(&box, 1, NULL);
	slot = box.slot[0];
	return 0;
}

static int stop(void **state)
{
	bx_stop(&box);
	return 0;
}

static void ready_says_what_is_enforced(void **state)
{
	assert_int_equal(box.ready.enforced, bx_expected());
	if (!(bx_expected() & SP_BOX_ENF_MEMORY)) {
		assert_int_equal(box.ready.cgroup_version, 0);
		return;
	}
	/* version 1 where it has the controllers: a hybrid host's version 2 is empty */
	bool v1 = access("/sys/fs/cgroup/memory", F_OK) == 0;
	assert_int_equal(box.ready.cgroup_version, v1 ? 1 : 2);
}

static void output_and_exit_code(void **state)
{
	struct bx_result r;
	bx_run(slot, &BX_SH("echo to stdout; echo to stderr >&2; exit 7"), &r);
	BX_EXITED(&r, 7);
	assert_string_equal(r.out, "to stdout\n");
	assert_string_equal(r.err, "to stderr\n");
	assert_int_equal(r.done.flags, 0);
	assert_true(r.done.wall_ns > 0 && r.done.setup_ns > 0);
	assert_int_equal(r.ended.flags, 0);
	bx_free(&r);
}

static void bytes_pass_unchanged(void **state)
{
	char all[256 * 64];
	struct bx_result r;
	for (size_t i = 0; i < sizeof all; i++) all[i] = (char)i;
	struct bx_run run = {.argv = (const char *const[]){"cat", NULL}, .input = all, .input_size = sizeof all};
	bx_run(slot, &run, &r);
	BX_EXITED(&r, 0);
	assert_int_equal(r.out_len, sizeof all);
	assert_memory_equal(r.out, all, sizeof all);
	bx_free(&r);
}

static void stdin_starts_at_its_beginning(void **state)
{
	/* the offset belongs to the open file, which the sender shares */
	struct bx_run run = {.argv = (const char *const[]){"cat", NULL}};
	struct sp_box_msg m = {.u.step = bx_default_step(&run)};
	struct bx_result r = {0};
	int fds[SP_BOX_FDS_MAX],
	        pass[2] = {bx_spec(run.argv, (const char *const[]){"PATH=/bin", NULL}, "/box"), bx_memfd("from the start", 14, true)};
	assert_int_equal(lseek(pass[1], 9, SEEK_SET), 9);
	bx_begin(slot, &run);
	bx_expect(slot, SP_BOX_BEGUN, &(struct sp_box_msg){0}, fds);
	bx_send(slot, SP_BOX_STEP, &m, pass, 2);
	close(pass[0]), close(pass[1]);
	bx_collect(slot, &run, &r);
	bx_end(slot, &r);
	BX_EXITED(&r, 0);
	assert_string_equal(r.out, "from the start");
	bx_free(&r);
}

static void without_stdin_it_is_empty(void **state)
{
	struct bx_result r;
	bx_run(slot, &BX_SH("cat; readlink /proc/self/fd/0"), &r);
	BX_EXITED(&r, 0);
	assert_string_equal(r.out, "/dev/null\n");
	bx_free(&r);
}

static void argv_env_and_cwd_are_exact(void **state)
{
	struct bx_result r;
	struct bx_run run = BX_PROBE("args", "", "two words", "new\nline", "\xff\x01 '\"$*");
	run.env = (const char *const[]){"A=1", "EMPTY=", "EQUALS==x=", NULL};
	run.cwd = "/tmp";
	bx_run(slot, &run, &r);
	BX_EXITED(&r, 0);
	assert_string_equal(r.out, "arg 10 /box/probe\narg 4 args\narg 0 \narg 9 two words\narg 8 new\nline\narg 7 \xff\x01 '\"$*\n"
	                           "env 3 A=1\nenv 6 EMPTY=\nenv 10 EQUALS==x=\ncwd /tmp\n");
	bx_free(&r);
}

static void files_are_unpacked_with_modes_and_owner(void **state)
{
	struct bx_file files[] = {{"a.txt", 0644, "alpha", 5}, {"deep/er/run", 0755, "#!/bin/sh\necho ran\n", 19}, {"empty", 0644, "", 0},
	        {"deep/b", 0644, "b", 1}};
	struct bx_run run = BX_SH("cd /box; stat -c '%n %a %u %g' deep deep/er; stat -c '%n %a %u %g %s' a.txt deep/er/run empty deep/b; "
	                          "cat a.txt; ./deep/er/run; echo more >> a.txt && echo writable");
	struct bx_result r;
	run.files = files;
	run.nfiles = 4;
	bx_run(slot, &run, &r);
	BX_EXITED(&r, 0);
	assert_string_equal(r.out, "deep 755 1000 1000\ndeep/er 755 1000 1000\na.txt 644 1000 1000 5\ndeep/er/run 755 1000 1000 19\n"
	                           "empty 644 1000 1000 0\ndeep/b 644 1000 1000 1\nalpharan\nwritable\n");
	bx_free(&r);
}

static void merged_output_is_one_stream(void **state)
{
	struct bx_run run = BX_SH("echo one; echo two >&2; echo three");
	struct bx_result r;
	run.step.flags = SP_BOX_STEP_MERGE;
	bx_run(slot, &run, &r);
	BX_EXITED(&r, 0);
	assert_string_equal(r.out, "one\ntwo\nthree\n");
	assert_null(r.err);
	bx_free(&r);
}

static void dev_stdout_and_friends_open(void **state)
{
	struct bx_run run = BX_SH("echo out > /dev/stdout; echo err > /dev/stderr; cat /dev/stdin; echo null > /dev/null; head -c 4 "
	                          "/dev/zero | wc -c; head -c 4 /dev/urandom | wc -c");
	struct bx_result r;
	run.input = "input\n";
	run.input_size = 6;
	bx_run(slot, &run, &r);
	BX_EXITED(&r, 0);
	assert_string_equal(r.out, "out\ninput\n4\n4\n");
	assert_string_equal(r.err, "err\n");
	bx_free(&r);
}

static void signal_death_is_told(void **state)
{
	struct bx_result r;
	bx_run(slot, &BX_SH("kill -SEGV $$"), &r);
	assert_false(r.refused);
	assert_int_equal(r.done.ended, SP_BOX_SIGNALED);
	assert_int_equal(r.done.code, SIGSEGV);
	assert_int_equal(r.done.killed_by, SP_BOX_KILLED_NOT);
	bx_free(&r);
	/* the main process killing itself is not the container being killed */
	bx_run(slot, &BX_SH("kill -KILL $$"), &r);
	assert_int_equal(r.done.ended, SP_BOX_SIGNALED);
	assert_int_equal(r.done.code, SIGKILL);
	assert_int_equal(r.done.killed_by, SP_BOX_KILLED_NOT);
	bx_free(&r);
}

static void path_is_searched_in_the_runs_environment(void **state)
{
	struct bx_file files[] = {{"bin/tool", 0755, "#!/bin/sh\necho found\n", 21}};
	struct bx_run run = {.argv = (const char *const[]){"tool", NULL},
	        .env = (const char *const[]){"PATH=/nowhere:/box/bin", NULL},
	        .files = files,
	        .nfiles = 1};
	struct bx_result r;
	bx_run(slot, &run, &r);
	BX_EXITED(&r, 0);
	assert_string_equal(r.out, "found\n");
	bx_free(&r);
}

static void refused_exec(const struct bx_run *run, int errnum, const char *text)
{
	struct bx_result r;
	bx_run(slot, run, &r);
	assert_true(r.refused);
	assert_int_equal(r.error.code, SP_BOX_E_EXEC);
	assert_int_equal(r.error.errnum, errnum);
	assert_string_equal(r.error.text, text);
	bx_free(&r);
}

static void what_cannot_be_executed_is_told(void **state)
{
	struct bx_file files[] = {{"text", 0755, "no interpreter line\n", 20}, {"plain", 0644, "x", 1}};
	refused_exec(
	        &(struct bx_run){.argv = (const char *const[]){"no-such-program", NULL}}, 2, "no-such-program: No such file or directory");
	refused_exec(&(struct bx_run){.argv = (const char *const[]){"/box/text", NULL}, .files = files, .nfiles = 2}, 8,
	        "/box/text: Exec format error");
	refused_exec(&(struct bx_run){.argv = (const char *const[]){"./plain", NULL}, .files = files, .nfiles = 2}, 13,
	        "./plain: Permission denied");
	refused_exec(&(struct bx_run){.argv = (const char *const[]){"/box", NULL}}, 13, "/box: Permission denied");
	refused_exec(&(struct bx_run){.argv = (const char *const[]){"true", NULL}, .cwd = "/box/nowhere"}, 2,
	        "the working directory /box/nowhere: No such file or directory");
}

static void two_steps_share_the_tree(void **state)
{
	struct bx_file files[] = {{"main.c", 0644, "#include <stdio.h>\nint main(void) { puts(\"compiled\"); return 3; }\n", 65}};
	struct bx_run compile = {.argv = (const char *const[]){"gcc", "-o", "main", "main.c", NULL}, .files = files, .nfiles = 1};
	struct bx_run run = {.argv = (const char *const[]){"./main", NULL}};
	struct bx_result first = {0}, second = {0};
	struct sp_box_msg m;
	int fds[SP_BOX_FDS_MAX];

	bx_begin(slot, &compile);
	bx_step(slot, &compile);
	bx_step(slot, &run);
	bx_expect(slot, SP_BOX_BEGUN, &m, fds);
	bx_collect(slot, &compile, &first);
	BX_EXITED(&first, 0);
	bx_collect(slot, &run, &second);
	BX_EXITED(&second, 3);
	assert_string_equal(second.out, "compiled\n");
	bx_end(slot, &first);
	bx_free(&first);
	bx_free(&second);
}

static void a_daemon_does_not_hold_the_answer(void **state)
{
	struct bx_result r;
	bx_run(slot, &BX_PROBE("daemon"), &r); /* bx_run reads stdout to its end: it has one only when the grandchild is dead */
	BX_EXITED(&r, 0);
	assert_string_equal(r.out, "left\n");
	bx_free(&r);
}

static void signals_and_umask_are_at_their_defaults(void **state)
{
	struct bx_result r;
	bx_run(slot, &BX_PROBE("signals"), &r);
	BX_EXITED(&r, 0);
	assert_string_equal(r.out, "umask 22\nend\n");
	bx_free(&r);
}

static void requests_may_be_sent_ahead(void **state)
{
	struct bx_run run = BX_SH("echo $$; cat /box/* 2>/dev/null; echo x > /box/left");
	struct sp_box_msg m;
	int fds[SP_BOX_FDS_MAX];
	for (int i = 0; i < 4; i++) {
		bx_begin(slot, &run);
		bx_step(slot, &run);
		bx_send(slot, SP_BOX_END, NULL, NULL, 0);
	}
	for (int i = 0; i < 4; i++) {
		struct bx_result r = {0};
		bx_expect(slot, SP_BOX_BEGUN, &m, fds);
		bx_collect(slot, &run, &r);
		BX_EXITED(&r, 0);
		assert_string_equal(r.out, "2\n"); /* pid 2 of a fresh namespace, and nothing of the run before */
		bx_expect(slot, SP_BOX_ENDED, &m, fds);
		bx_free(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(ready_says_what_is_enforced),
	        cmocka_unit_test(output_and_exit_code),
	        cmocka_unit_test(bytes_pass_unchanged),
	        cmocka_unit_test(stdin_starts_at_its_beginning),
	        cmocka_unit_test(without_stdin_it_is_empty),
	        cmocka_unit_test(argv_env_and_cwd_are_exact),
	        cmocka_unit_test(files_are_unpacked_with_modes_and_owner),
	        cmocka_unit_test(merged_output_is_one_stream),
	        cmocka_unit_test(dev_stdout_and_friends_open),
	        cmocka_unit_test(signal_death_is_told),
	        cmocka_unit_test(path_is_searched_in_the_runs_environment),
	        cmocka_unit_test(what_cannot_be_executed_is_told),
	        cmocka_unit_test(two_steps_share_the_tree),
	        cmocka_unit_test(a_daemon_does_not_hold_the_answer),
	        cmocka_unit_test(signals_and_umask_are_at_their_defaults),
	        cmocka_unit_test(requests_may_be_sent_ahead),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
