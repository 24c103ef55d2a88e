/* SPDX-License-Identifier: MIT */
/* COLLECT: what comes back of a tree that a program has left, whatever it has put there. What the process that reads it is: test_collector.c. */
#include "collect_kit.h"

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "box/walk.h"

/* ---- what is collected */

static void files_by_name_and_pattern(void **state)
{
	BEGIN("mkdir -p out/deep/er src; printf one > out/1.txt; printf two > out/deep/2.txt; printf three > out/deep/er/3.log; printf x > "
	      ".hidden;"
	      " printf '#!' > tool; chmod 755 tool; : > empty; printf s > src/a-b; mkdir src/a; printf t > src/a/z; printf q > 'a*b'; "
	      "printf r > aXb");
	COLLECT("tool", "out/1.txt", "nothing/here");
	paths("out/1.txt tool");
	has("out/1.txt", "one");
	has("tool", "#!");
	assert_true(find("tool")->executable);
	assert_false(find("out/1.txt")->executable);
	assert_int_equal(got.records.hits, 0);
	assert_int_equal(got.done.flags & (SP_BOX_DONE_OOM | SP_BOX_DONE_PIDS_HIT), 0);

	COLLECT("*");
	paths(".hidden a*b aXb empty tool");
	has("empty", "");
	COLLECT("a\\*b");
	paths("a*b");
	COLLECT("?ide*", "a?b", "e*y");
	paths("a*b aXb empty");
	COLLECT("**");
	paths(".hidden a*b aXb empty out/1.txt out/deep/2.txt out/deep/er/3.log src/a/z src/a-b tool");
	COLLECT("out/**");
	paths("out/1.txt out/deep/2.txt out/deep/er/3.log");
	COLLECT("**/*.txt", "out/**/3.log");
	paths("out/1.txt out/deep/2.txt out/deep/er/3.log");
	COLLECT("*/*");
	paths("out/1.txt src/a-b");
	COLLECT("out");
	paths("");
	COLLECT("**/deep/**");
	paths("out/deep/2.txt out/deep/er/3.log");
	end_clean();
}

/* It changes nothing, may be asked again, and what runs next finds its tree as it was. */
static void between_steps(void **state)
{
	BEGIN("printf one > a; mkdir d");
	COLLECT("**");
	has("a", "one");
	STEP("[ \"$(cat a)\" = one ]; printf two > d/b; rm a; touch -d @1000 d/b");
	COLLECT("**");
	paths("d/b");
	COLLECT("**");
	has("d/b", "two");
	STEP("[ $(stat -c %X d/b) = 1000 ]; [ \"$(cat d/b)\" = two ]; [ \"$(ls)\" = d ]");
	end_clean();

	/* an evaluation knows nothing of the one before */
	BEGIN("true");
	COLLECT("**");
	paths("");
	end_clean();
}

/* How the program ended does not matter; that it has ended does. */
static void after_a_kill(void **state)
{
	struct bx_run run = BX_SH("printf kept > a; (while :; do printf more >> b; done) & sleep 1000");
	struct bx_result r = {0};
	struct sp_box_msg m;
	int fds[SP_BOX_FDS_MAX];
	run.step.wall_ns = (uint64_t)bx_slow() * 100 * MS;
	bx_begin(slot, &run);
	bx_expect(slot, SP_BOX_BEGUN, &m, fds);
	bx_step(slot, &run);
	bx_collect(slot, &run, &r);
	BX_KILLED(&r, SP_BOX_KILLED_WALL);
	bx_free(&r);
	COLLECT("a", "b");
	has("a", "kept");
	int64_t size = find("b")->size;
	assert_true(find("b")->whole && size > 0);
	COLLECT("b");
	assert_true(find("b")->size == size);
	end_clean();
}

/* ---- what a program may leave there */

static void links_are_not_followed(void **state)
{
	BEGIN("printf secret > /tmp/other; mkdir real; printf in > real/f; ln -s /etc/passwd passwd; ln -s /tmp/other other; ln -s real "
	      "dir; ln -s loop loop;"
	      " ln -s ../../../../etc etc; ln -s /proc/1/root root; ln -s /proc/self/fd/0 fd; ln -s nowhere dangling; ln -s real/f near");
	COLLECT("**", "dir/f", "etc/passwd", "root/**", "fd", "dir/**");
	paths("!dangling !dir !etc !fd !loop !near !other !passwd real/f !root");
	for (unsigned i = 0; i < got.n; i++)
		if (strcmp(got.one[i].path, "real/f") != 0) lacks(got.one[i].path, SP_MISSING_LINK);
	COLLECT("dir/f", "etc/passwd", "root/etc/passwd");
	paths("");
	end_clean();
}

static void hard_links_are_files(void **state)
{
	BEGIN("head -c 1048576 /dev/zero | tr '\\0' x > a; mkdir d; for i in 1 2 3 4 5 6 7 8 9; do ln a d/$i; done");
	COLLECT("**");
	assert_int_equal(got.n, 10);
	for (unsigned i = 0; i < got.n; i++) assert_true(got.one[i].whole && got.one[i].len == MIB && got.one[i].sum == got.one[0].sum);
	/* by what is sent: the same bytes count as often as they are sent */
	collect(&(struct ask){.patterns = {"**"}, .limits.total_bytes = 3 * MIB + 5});
	paths("a d/1 d/2 !d/3 !d/4 !d/5 !d/6 !d/7 !d/8 !d/9");
	lacks("d/3", SP_MISSING_TOTAL);
	assert_int_equal(got.records.hits, SP_BOX_HIT_TOTAL);
	end_clean();
}

static void only_regular_files(void **state)
{
	begin_with(BX_PROBE("socket", "s"));
	STEP("mkfifo p; mkfifo q; mkdir d; mkfifo d/p; printf x > z");
	COLLECT("**");
	paths("!d/p !p probe !q !s z");
	lacks("p", SP_MISSING_SPECIAL);
	lacks("s", SP_MISSING_SPECIAL);
	COLLECT("p", "s", "p/**");
	paths("!p !s");
	end_clean();
}

static void names_of_any_bytes(void **state)
{
	static char longest[256];
	memset(longest, 'L', 255);
	begin_with(BX_PROBE("names"));
	COLLECT("**");
	assert_int_equal(got.n, 253 + 4); /* every single byte but NUL, '/' and '.', the probe, and these */
	has("n\xff\xfe/\n\r\t\x1b[31m", "");
	has("\xc3\xa9", "");
	has("\n", "");
	has(longest, "");
	assert_int_equal(find("n\xff\xfe/\n\r\t\x1b[31m")->path_len, 12);
	for (unsigned i = 0; i < got.n; i++) assert_true(got.one[i].whole);
	COLLECT("?", "L*L");
	assert_int_equal(got.n, 253 + 2); /* two bytes that are one character too */
	COLLECT("\n", "\\\\", "\\?", "\\*");
	paths("\n * ? \\");
	end_clean();
}

/* The run's own id reads, so what a program has closed to itself is closed. A directory whose names can be read but not used says so as well. */
static void closed_by_their_mode(void **state)
{
	BEGIN("for i in file:000 write:200 read:400; do printf x > ${i%:*}; chmod ${i#*:} ${i%:*}; done;"
	      " for i in none:000 list:400 pass:100; do mkdir ${i%:*}; printf y > ${i%:*}/f; chmod ${i#*:} ${i%:*}; done");
	COLLECT("**");
	paths("!file !list/f !none !pass read !write");
	lacks("file", SP_MISSING_UNREADABLE);
	lacks("none", SP_MISSING_UNREADABLE);
	lacks("pass", SP_MISSING_UNREADABLE);
	lacks("list/f", SP_MISSING_UNREADABLE);
	assert_int_equal(find("file")->size, 1);
	assert_int_equal(got.records.hits, SP_BOX_HIT_UNREADABLE);
	/* /box itself: nothing can be told but that */
	STEP("chmod 000 /box");
	COLLECT("**");
	paths("");
	assert_int_equal(got.records.hits, SP_BOX_HIT_UNREADABLE);
	assert_true(got.ended);
	end_clean();
	works(slot);
}

static void holes(void **state)
{
	struct bx_run run =
	        BX_SH("set -e; truncate -s 1G giga; truncate -s 3M small; printf end >> small; truncate -s 0 zero; : > behind; : > little;"
	              " fallocate -n -l 8M behind; fallocate -n -l 1M little");
	run.step.file_bytes = 1 << 30;
	begin_with(run);
	collect(&(struct ask){.patterns = {"**"}, .limits.file_bytes = 4 * MIB});
	paths("!behind !giga little small zero");
	lacks("giga", SP_MISSING_LARGE);
	assert_true(find("giga")->size == 1 << 30);
	assert_true(find("small")->whole && find("small")->len == 3 * MIB + 3 && find("small")->text[0] == 0);
	has("zero", "");
	/* not larger to read, but in what it holds: far over its size and the limit, or by less than a page may be */
	lacks("behind", SP_MISSING_LARGE);
	assert_int_equal(find("behind")->size, 0);
	has("little", "");
	/* 3 MiB of zeros and "end": the sum says that no byte is elsewhere */
	unsigned sum = 0;
	for (unsigned i = 0; i < 3 * MIB + 3; i++) sum = sum * 31 + (i < 3 * MIB ? 0 : (unsigned char)"end"[i - 3 * MIB]);
	assert_int_equal(find("small")->sum, sum);
	/* reading zeros takes no memory of the slot, however many */
	collect(&(struct ask){.patterns = {"giga"}, .limits.file_bytes = 1 << 30, .limits.total_bytes = 1 << 30});
	assert_true(find("giga")->whole && find("giga")->len == 1 << 30 && find("giga")->sum == 0);
	if (bx_enforces(&box, SP_BOX_ENF_MEMORY)) assert_in_range(got.done.memory_peak, 0, 16 * MIB);
	end_clean();
}

static void deep_directories(void **state)
{
	/* 300 levels, by relative steps: its path has 300 × 9 bytes at the end */
	begin_with(BX_PROBE("deep", "300"));
	COLLECT("**");
	assert_int_equal(got.records.hits, SP_BOX_HIT_DEEP);
	assert_int_equal(got.n, 17); /* the probe, a file in each of 15 directories, and the one that was not entered */
	lacks("level-00/level-00/level-00/level-00/level-00/level-00/level-00/level-00/level-00/level-00/level-00/level-00/level-00/"
	      "level-00/level-00/level-00",
	        SP_MISSING_DEEP);
	collect(&(struct ask){.patterns = {"**/f"}, .limits.depth = 1});
	paths("!level-00");
	collect(&(struct ask){.patterns = {"*"}, .limits.depth = 1});
	paths("probe");
	assert_int_equal(got.records.hits, 0);
	collect(&(struct ask){.patterns = {"**"}, .limits.depth = SP_BOX_PATH_DEPTH_MAX});
	assert_int_equal(got.n, 33);
	end_clean();

	/* names so long that a path ends before the depth does */
	begin_with(BX_PROBE("deep", "8", "250"));
	COLLECT("**");
	assert_int_equal(got.records.hits, SP_BOX_HIT_DEEP);
	assert_int_equal(got.n, 4 + 1);
	assert_int_equal(got.one[0].path_len, 4 * 251 + 1);
	end_clean();
}

static void hundred_thousand_files(void **state)
{
	struct bx_run run = BX_PROBE("crowd", "100000");
	run.begin.tree_inodes = 120000;
	run.begin.tree_bytes = 256 * MIB;
	run.step.memory_bytes = 600 * MIB;
	run.step.wall_ns = (uint64_t)bx_slow() * 60000 * MS;
	begin_with(run);
	collect(&(struct ask){.patterns = {"**"}, .limits.files = 100});
	assert_int_equal(got.n, 100);
	assert_string_equal(got.one[0].path, "crowd/00000");
	assert_string_equal(got.one[99].path, "crowd/00099");
	assert_int_equal(got.records.hits, SP_BOX_HIT_FILES);
	collect(&(struct ask){.patterns = {"crowd/99999", "crowd/0777?"}, .limits.files = 100});
	assert_int_equal(got.n, 11);
	assert_int_equal(got.records.hits, 0);
	has("crowd/99999", "99999");
	collect(&(struct ask){.patterns = {"**"}, .limits.files = SP_BOX_COLLECT_FILES_MAX});
	assert_int_equal(got.n + got.more, SP_BOX_COLLECT_FILES_MAX);
	/* as many that cannot be sent: some are told, all are counted */
	STEP("rm -rf crowd 2>/dev/null; mkdir p; i=0; while [ $i -lt 300 ]; do mkfifo p/$i; i=$((i+1)); done");
	COLLECT("**");
	assert_int_equal(got.records.skipped, SP_BOX_SKIPS_MAX);
	assert_int_equal(got.records.all_skipped, 300);
	assert_int_equal(got.records.hits, SP_BOX_HIT_SKIPS);
	end_clean();
}

/* The walk itself, on what no program can make: a device, and a hole of terabytes. And on more names than it has memory for. */
static void what_only_the_host_can_make(void **state)
{
	static _Alignas(8) char memory[4096];
	static struct sp_patterns patterns;
	char dir[] = "/tmp/sp-walk-XXXXXX", path[64];
	struct ask a = {.patterns = {"*"}};
	int p[2];

	assert_non_null(mkdtemp(dir));
	assert_int_equal(mount("walk", dir, "tmpfs", 0, "size=1m"), 0);
	snprintf(path, sizeof path, "%s/dev", dir);
	assert_int_equal(mknod(path, S_IFCHR | 0666, makedev(1, 5)), 0); /* zero: without end */
	snprintf(path, sizeof path, "%s/hole", dir);
	int hole = open(path, O_CREAT | O_WRONLY, 0644);
	assert_true(hole >= 0 && ftruncate(hole, INT64_C(1) << 62) == 0 && close(hole) == 0);
	for (int i = 0; i < 400; i++) {
		snprintf(path, sizeof path, "%s/name-of-ordinary-length-%03d", dir, i);
		int fd = open(path, O_CREAT | O_WRONLY, 0644);
		assert_true(fd >= 0);
		close(fd);
	}
	patterns.n = 1;
	assert_null(sp_pattern_parse(&patterns.one[0], "*"));
	for (int round = 0; round < 2; round++) {
		static char roomy[1 << 20];
		assert_int_equal(pipe(p), 0);
		pid_t pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			struct sp_walk w = {.patterns = &patterns,
			        .limits = limits_of(&a),
			        .root = open(dir, O_RDONLY | O_DIRECTORY),
			        .out = p[1],
			        .memory = round ? memory : roomy,
			        .size = round ? sizeof memory : sizeof roomy};
			_exit(sp_walk_run(&w) ? 1 : 0);
		}
		close(p[1]);
		read_records(&a, p[0]);
		int status;
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
		assert_true(got.ended);
		if (round == 0) {
			lacks("dev", SP_MISSING_SPECIAL);
			lacks("hole", SP_MISSING_LARGE);
			assert_true(find("hole")->size == INT64_C(1) << 62);
			assert_int_equal(got.n, 402);
			assert_int_equal(got.records.hits, 0);
		} else {
			assert_in_range(got.n, 60, 120);
			assert_int_equal(got.records.hits, SP_BOX_HIT_NAMES);
		}
	}
	assert_int_equal(umount(dir), 0);
	assert_int_equal(rmdir(dir), 0);
}

static void bounds(void **state)
{
	BEGIN("printf 1234 > a; printf 12345 > b; printf 1 > c; mkdir d; printf 123 > d/e");
	collect(&(struct ask){.patterns = {"**"}, .limits.file_bytes = 4});
	paths("a !b c d/e");
	lacks("b", SP_MISSING_LARGE);
	assert_int_equal(find("b")->size, 5);
	collect(&(struct ask){.patterns = {"**"}, .limits.total_bytes = 8});
	paths("a !b c d/e");
	lacks("b", SP_MISSING_TOTAL);
	collect(&(struct ask){.patterns = {"**"}, .limits.files = 2});
	paths("a b");
	assert_int_equal(got.records.hits, SP_BOX_HIT_FILES);
	collect(&(struct ask){.patterns = {"**"}, .limits.files = 4});
	paths("a b c d/e");
	assert_int_equal(got.records.hits, 0);
	end_clean();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(files_by_name_and_pattern),
	        cmocka_unit_test(between_steps),
	        cmocka_unit_test(after_a_kill),
	        cmocka_unit_test(links_are_not_followed),
	        cmocka_unit_test(hard_links_are_files),
	        cmocka_unit_test(only_regular_files),
	        cmocka_unit_test(names_of_any_bytes),
	        cmocka_unit_test(closed_by_their_mode),
	        cmocka_unit_test(holes),
	        cmocka_unit_test(deep_directories),
	        cmocka_unit_test(hundred_thousand_files),
	        cmocka_unit_test(what_only_the_host_can_make),
	        cmocka_unit_test(bounds),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
