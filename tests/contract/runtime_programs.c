/* SPDX-License-Identifier: MIT */
/* The runtime's contract: what a program gets, how its end is told, its tree, its output. */
#include "runtime_contract.h"

/* --- How a program ends -------------------------------------------------- */

static void hello_world(void **state)
{
	struct kit k = kit_new(R, 0);

	kit_begin(&k);
	kit_run(&k, "/bin/sh", "-c", "echo hello; echo world >&2");
	assert_exit(&k, 0);
	assert_out(&k, SP_STDOUT, "hello\n");
	assert_out(&k, SP_STDERR, "world\n");
	assert_int_equal(k.res.output_total[0], 6);
	assert_false(k.res.truncated[0] || k.res.truncated[1] || k.res.oom || k.res.tree_full || k.res.pids_hit);
	assert_true(k.res.wall_ns > 0);
	kit_end(&k);
}

static void exit_codes(void **state)
{
	static const char *const codes[] = {"0", "1", "2", "126", "127", "128", "255"};
	struct kit k = kit_new(R, 0);

	kit_begin(&k);
	for (size_t i = 0; i < SP_COUNT(codes); i++) {
		kit_run(&k, "./probe", "exit", codes[i]);
		assert_exit(&k, atoi(codes[i]));
	}
	kit_end(&k);
}

static void signals(void **state)
{
	static const struct {
		const char *text;
		int number;
	} list[] = {{"6", SIGABRT}, {"8", SIGFPE}, {"9", SIGKILL}, {"11", SIGSEGV}, {"13", SIGPIPE}, {"15", SIGTERM}, {"1", SIGHUP},
	        {"2", SIGINT}};
	struct kit k = kit_new(R, 0);

	kit_begin(&k);
	for (size_t i = 0; i < SP_COUNT(list); i++) {
		kit_run(&k, "./probe", "signal", list[i].text);
		assert_true(k.res.signaled);
		assert_int_equal(k.res.code, list[i].number);
		assert_int_equal(k.res.killed_by, SP_KILLED_NOT);
		assert_false(k.res.oom);
	}
	kit_end(&k);
}

static void a_child_left_behind_does_not_hold_the_answer(void **state)
{
	struct kit k = kit_new(R, 0);

	kit_begin(&k);
	kit_run(&k, "/bin/sh", "-c", "sleep 1000 & echo done");
	assert_exit(&k, 0);
	assert_out(&k, SP_STDOUT, "done\n");
	kit_end(&k);
}

/* --- What a program gets ------------------------------------------------- */

static void standard_input(void **state)
{
	struct kit k = kit_new(R, 0);
	size_t n = (size_t)MIB;
	sp_autofree char *data = malloc(n);

	for (size_t i = 0; i < n; i++) data[i] = (char)(i * 31 % 251);
	kit_begin(&k);
	kit_run(&k, "./probe", "cat");
	assert_exit(&k, 0);
	assert_int_equal(k.res.output_total[0], 0);

	k.step.stdin_data = "";
	kit_run(&k, "./probe", "cat");
	assert_exit(&k, 0);
	assert_int_equal(k.res.output_total[0], 0);

	k.step.stdin_data = "a line\n";
	k.step.stdin_size = 7;
	kit_run(&k, "/bin/sh", "-c", "read x; echo \"<$x>\"; read y || echo end");
	assert_out(&k, SP_STDOUT, "<a line>\nend\n");

	k.step.stdin_data = data;
	k.step.stdin_size = n;
	kit_run(&k, "./probe", "cat");
	assert_exit(&k, 0);
	assert_pattern(&k, SP_STDOUT, n);
	assert_false(k.res.truncated[0]);

	/* A program that does not read it is no error of anybody's. */
	kit_run(&k, "./probe", "exit", "3");
	assert_exit(&k, 3);
	kit_end(&k);
}

static void arguments(void **state)
{
	struct kit k = kit_new(R, 0);

	kit_begin(&k);
	kit_run(&k, "./probe", "args", "", "a b", "\"'\\$(id)`", "\xff\xfe\x01\n\t", "--", "-x", "*");
	assert_exit(&k, 0);
	assert_out(&k, SP_STDOUT, "0:;3:a b;9:\"'\\$(id)`;5:\xff\xfe\x01\n\t;2:--;2:-x;1:*;");
	kit_end(&k);
}

static void environment(void **state)
{
	struct kit k = kit_new(R, 0);

	kit_begin(&k);
	k.step.env = (const char *const[]){"A=1", "B=", "C=x=y z", "LD_BIND_NOW=1", NULL};
	kit_run(&k, "./probe", "env");
	assert_exit(&k, 0);
	assert_out(&k, SP_STDOUT, "3:A=1;2:B=;7:C=x=y z;13:LD_BIND_NOW=1;");

	k.step.env = (const char *const[]){NULL};
	kit_run(&k, "./probe", "env");
	assert_exit(&k, 0);
	assert_out(&k, SP_STDOUT, "");

	/* argv[0] is looked up in PATH of env. */
	k.step.env = (const char *const[]){"PATH=/nowhere:/usr/bin:/bin", NULL};
	kit_run(&k, "sh", "-c", "echo $PATH");
	assert_out(&k, SP_STDOUT, "/nowhere:/usr/bin:/bin\n");

	/* Or in the path that is given, which the program does not see. */
	k.step.path = "/nowhere:/usr/bin:/bin";
	k.step.env = (const char *const[]){"PATH=/of-its-own", NULL};
	kit_run(&k, "sh", "-c", "echo $PATH");
	assert_out(&k, SP_STDOUT, "/of-its-own\n");
	k.step.path = "/nowhere";
	k.step.env = (const char *const[]){"PATH=/usr/bin:/bin", NULL};
	assert_int_equal(kit_try(&k, "sh", "-c", "echo $PATH"), -1);
	assert_int_equal(k.err.code, SP_E_INVALID);
	assert_int_equal(k.err.errnum, ENOENT);
	kit_end(&k);
}

static void files(void **state)
{
	const struct sp_source_file list[] = {
	        {.path = "a/b/c/data.bin", .data = "\0\1\2\xff", .size = 4},
	        {.path = "a/empty", .data = NULL, .size = 0},
	        {.path = "run.sh", .data = "#!/bin/sh\necho \"script $1 in ${PWD##*/}\"\n", .size = 41, .executable = true},
	        {.path = "a b/\xc3\xa4.txt", .data = "x", .size = 1},
	        {.path = ".hidden", .data = "h", .size = 1},
	        {.path = "a.b", .data = "sorts between a and a/b", .size = 23},
	};
	struct kit k = kit_new(R, 0);

	assert_int_equal(kit_try_begin(&k, list, SP_COUNT(list)), 0);
	kit_run(&k, "./probe", "mode", "a/b/c/data.bin");
	assert_out(&k, SP_STDOUT, "644 1 4\n");
	kit_run(&k, "./probe", "mode", "a/b");
	assert_string_equal((k.out[0].data[9] = '\0', strncmp(k.out[0].data, "755 1 ", 6) == 0 ? "directory" : k.out[0].data), "directory");
	kit_run(&k, "./probe", "mode", "a/empty");
	assert_out(&k, SP_STDOUT, "644 1 0\n");
	kit_run(&k, "./probe", "mode", "run.sh");
	assert_out(&k, SP_STDOUT, "755 1 41\n");
	kit_run(&k, "/bin/cat", "a/b/c/data.bin", "a b/\xc3\xa4.txt", ".hidden", "a.b");
	assert_int_equal(k.out[0].len, 4 + 1 + 1 + 23);
	assert_memory_equal(k.out[0].data, "\0\1\2\xffxhsorts", 11);
	kit_run(&k, "./run.sh", "one");
	assert_exit(&k, 0);
	assert_memory_equal(k.out[0].data, "script one in ", 14);
	k.step.cwd = "/box/a/b";
	kit_run(&k, "../../run.sh", "two");
	assert_out(&k, SP_STDOUT, "script two in b\n");
	kit_end(&k);
}

static void files_that_cannot_be_used(void **state)
{
	static char part[300], long_path[1100], deep[200];
	const struct {
		const char *a, *b, *says;
	} list[] = {
	        {"", NULL, "no path"},
	        {"/etc/passwd", NULL, "relative"},
	        {"..", NULL, "\"..\""},
	        {"../x", NULL, "\"..\""},
	        {"a/../b", NULL, "\"..\""},
	        {"./a", NULL, "\".\""},
	        {"a/.", NULL, "\".\""},
	        {"a//b", NULL, "empty"},
	        {"a/", NULL, "empty"},
	        {part, NULL, "255"},
	        {long_path, NULL, "longer than"},
	        {deep, NULL, "parts"},
	        {"x", "x", "same path"},
	        {"x", "x/y", "directory of"},
	        {"x/y/z", "x/y", "directory of"},
	        {"probe", NULL, "same path"},
	};

	memset(part, 'p', 256);
	for (size_t i = 0; i < 1026; i++) long_path[i] = i % 200 == 199 ? '/' : 'l';
	for (size_t i = 0; i < 33; i++) memcpy(deep + 2 * i, "d/", 3);
	deep[65] = '\0';
	for (size_t i = 0; i < SP_COUNT(list); i++) {
		struct sp_source_file pair[] = {{.path = list[i].a, .data = "1", .size = 1}, {.path = list[i].b, .data = "2", .size = 1}};
		struct kit k = kit_new(R, 0);

		if (kit_try_begin(&k, pair, list[i].b ? 2 : 1) == 0) fail_msg("accepted: \"%.40s\"", list[i].a);
		assert_int_equal(k.err.code, SP_E_INVALID);
		assert_contains(k.err.msg, list[i].says);
		kit_end(&k);
	}
	assert_works(R, 0);
}

static void commands_that_cannot_be_executed(void **state)
{
	const struct sp_source_file list[] = {
	        {.path = "text", .data = "no program", .size = 10}, {.path = "noexec", .data = "\177EL", .size = 3, .executable = true}};
	static const struct {
		const char *argv0;
		int errnum;
	} tries[] = {{"no-such-command", ENOENT}, {"./missing", ENOENT}, {"./text", EACCES}, {"/", EACCES}};

	for (size_t i = 0; i < SP_COUNT(tries); i++) {
		struct kit k = kit_new(R, 0);

		assert_int_equal(kit_try_begin(&k, list, SP_COUNT(list)), 0);
		assert_int_equal(kit_try(&k, tries[i].argv0), -1);
		assert_int_equal(k.err.code, SP_E_INVALID);
		assert_int_equal(k.err.errnum, tries[i].errnum);
		assert_contains(k.err.msg, strerror(tries[i].errnum));
		/* After an error only `end` is left. */
		assert_int_equal(kit_try(&k, "./probe", "exit", "0"), -1);
		assert_int_equal(k.err.code, SP_E_INTERNAL);
		kit_end(&k);
	}
	assert_works(R, 0);
}

static void requests_that_cannot_be_used(void **state)
{
	struct kit k = kit_new(R, 0);
	struct sp_workspace w = {.root = "no-such-root", .files_bytes = MIB};

	kit_begin(&k);
	assert_int_equal(kit_try(&k, ""), -1);
	assert_int_equal(k.err.code, SP_E_INVALID);
	k.step.env = (const char *const[]){"NOEQUALS", NULL};
	assert_int_equal(kit_try(&k, "./probe"), -1);
	assert_int_equal(k.err.code, SP_E_INVALID);
	assert_contains(k.err.msg, "NOEQUALS");
	k.step.env = kit_env;
	k.step.limits.wall_ms = 0;
	assert_int_equal(kit_try(&k, "./probe"), -1);
	assert_int_equal(k.err.code, SP_E_INVALID);
	assert_contains(k.err.msg, "wall_ms");
	k.step.limits = kit_limits;
	/* None of these was sent to the box. */
	kit_run(&k, "./probe", "exit", "4");
	assert_exit(&k, 4);
	kit_end(&k);

	k = kit_new(R, 0);
	int r = sp_runtime_begin(R, 0, &w, &k.err);
	if (r == 0) r = kit_try(&k, "/bin/true");
	assert_int_equal(r, -1);
	assert_int_equal(k.err.code, SP_E_INTERNAL);
	kit_end(&k);
	assert_works(R, 0);
}

/* --- The tree ------------------------------------------------------------ */

static void compile_then_run(void **state)
{
	const struct sp_source_file list[] = {
	        {.path = "part1", .data = "#!/bin/sh\n", .size = 10}, {.path = "part2", .data = "echo built\n", .size = 11}};
	struct kit k = kit_new(R, 1);

	assert_int_equal(kit_try_begin(&k, list, 2), 0);
	kit_run(&k, "/bin/sh", "-c", "cat part1 part2 > prog && chmod 755 prog && mkdir d && echo kept > d/f");
	assert_exit(&k, 0);
	kit_run(&k, "./prog");
	assert_exit(&k, 0);
	assert_out(&k, SP_STDOUT, "built\n");
	kit_run(&k, "/bin/cat", "d/f");
	assert_out(&k, SP_STDOUT, "kept\n");
	kit_end(&k);

	k = kit_new(R, 1);
	kit_begin(&k);
	kit_run(&k, "/bin/ls", "-A");
	assert_out(&k, SP_STDOUT, "probe\n");
	kit_end(&k);
}

static void begin_without_step(void **state)
{
	for (int i = 0; i < 5; i++) {
		struct kit k = kit_new(R, 0);

		kit_begin(&k);
		kit_end(&k);
	}
	assert_works(R, 0);
}

static void all_of_the_tree_is_one_and_gone_afterwards(void **state)
{
	struct kit k = kit_new(R, 0);

	kit_begin(&k);
	kit_run(&k, "/bin/sh", "-c", "echo 1 > f; echo 2 > /tmp/f; echo 3 > /dev/shm/f");
	assert_exit(&k, 0);
	kit_run(&k, "/bin/cat", "/box/f", "/tmp/f", "/dev/shm/f");
	assert_out(&k, SP_STDOUT, "1\n2\n3\n");
	kit_end(&k);

	k = kit_new(R, 0);
	kit_begin(&k);
	kit_run(&k, "/bin/ls", "-A", "/box", "/tmp", "/dev/shm");
	assert_out(&k, SP_STDOUT, "/box:\nprobe\n\n/dev/shm:\n\n/tmp:\n");
	kit_end(&k);
}

/* --- Output -------------------------------------------------------------- */

static void output_and_its_limit(void **state)
{
	struct kit k = kit_new(R, 0);

	kit_begin(&k);
	k.step.limits.output_bytes = 1000;
	kit_run(&k, "./probe", "out", "1000");
	assert_exit(&k, 0);
	assert_pattern(&k, SP_STDOUT, 1000);
	assert_false(k.res.truncated[0]);

	kit_run(&k, "./probe", "out", "1001");
	assert_exit(&k, 0);
	assert_pattern(&k, SP_STDOUT, 1000);
	assert_true(k.res.truncated[0]);
	assert_false(k.res.truncated[1]);
	assert_int_equal(k.res.output_total[0], 1001);

	kit_run(&k, "./probe", "err", "16000");
	assert_exit(&k, 0);
	assert_pattern(&k, SP_STDERR, 1000);
	assert_true(k.res.truncated[1]);
	assert_false(k.res.truncated[0]);
	assert_int_equal(k.res.output_total[1], 16000);
	kit_end(&k);
}

static void a_flood_is_killed(void **state)
{
	struct kit k = kit_new(R, 0);

	kit_begin(&k);
	k.step.limits.output_bytes = 1000;
	for (int stream = 0; stream < 2; stream++) {
		kit_run(&k, "./probe", "flood", stream ? "2" : "1");
		assert_killed(&k, SP_KILLED_OUTPUT);
		assert_true(k.res.truncated[stream]);
		assert_true(k.res.output_total[stream] > 16000);
		assert_pattern(&k, (enum sp_stream)stream, 1000);
	}
	kit_run(&k, "./probe", "exit", "0");
	assert_exit(&k, 0);
	kit_end(&k);
}

static void much_output(void **state)
{
	struct kit k = kit_new(R, 0);

	kit_begin(&k);
	k.step.limits.output_bytes = 32 * MIB;
	kit_run(&k, "./probe", "out", "9000001");
	assert_exit(&k, 0);
	assert_pattern(&k, SP_STDOUT, 9000001);
	kit_end(&k);
}

static void both_streams(void **state)
{
	struct sp_buf want[3];
	struct kit k = kit_new(R, 0);

	for (int i = 0; i < 3; i++) sp_buf_init(&want[i], (size_t)MIB);
	for (int i = 0; i < 5000; i++) {
		sp_buf_printf(&want[0], "o%d\n", i);
		sp_buf_printf(&want[1], "e%d\n", i);
		sp_buf_printf(&want[2], "o%d\ne%d\n", i, i);
	}
	kit_begin(&k);
	kit_run(&k, "./probe", "both", "5000");
	assert_exit(&k, 0);
	assert_out(&k, SP_STDOUT, want[0].data);
	assert_out(&k, SP_STDERR, want[1].data);

	k.step.merge_output = true;
	kit_run(&k, "./probe", "both", "5000");
	assert_exit(&k, 0);
	assert_out(&k, SP_STDOUT, want[2].data);
	assert_out(&k, SP_STDERR, "");
	kit_end(&k);
	for (int i = 0; i < 3; i++) sp_buf_fini(&want[i]);
}

static const struct CMUnitTest plain[] = {
        contract_test(hello_world),
        contract_test(exit_codes),
        contract_test(signals),
        contract_test(a_child_left_behind_does_not_hold_the_answer),
        contract_test(standard_input),
        contract_test(arguments),
        contract_test(environment),
        contract_test(files),
        contract_test(files_that_cannot_be_used),
        contract_test(commands_that_cannot_be_executed),
        contract_test(requests_that_cannot_be_used),
        contract_test(compile_then_run),
        contract_test(begin_without_step),
        contract_test(output_and_its_limit),
        contract_test(a_flood_is_killed),
        contract_test(much_output),
        contract_test(both_streams),
};

static const struct CMUnitTest isolated[] = {
        contract_test(all_of_the_tree_is_one_and_gone_afterwards),
};
const struct runtime_suite program_suite = {plain, SP_COUNT(plain), isolated, SP_COUNT(isolated)};
