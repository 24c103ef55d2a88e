/* SPDX-License-Identifier: MIT */
/*
 * The attacker is a program that knows that its files will be collected: it has ended, and what it has left behind is all that it has. Each test says what it
 * would win. After each the slot was clean, and both slots work.
 */
#include "collect_kit.h"

#include <sys/stat.h>

#define SECRET "serapis-leavings-secret-93c1"

static int check(void **state)
{
	works(box.slot[0]);
	works(box.slot[1]);
	return 0;
}

static bool holds(const char *text, const char *what) { return text && strstr(text, what); }

/* Wins: files of the host or of the launcher, read with the collector's eyes: the class of CVE-2019-5736 and of the Judge0 advisories. */
static void links_to_what_it_cannot_read(void **state)
{
	static const char *const targets[] = {"/etc/passwd", "/etc/shadow", "/proc/1/environ", "/proc/self/environ", "/proc/self/mem",
	        "/proc/self/root/etc/passwd", "/proc/self/cwd/../etc/passwd", "/proc/self/fd/0", "/proc/self/fd/3", "/dev/stdin",
	        "/oldroot/etc/passwd", "/roots/host/etc/passwd", "/tree/tmp/secret", "/tmp/secret", "../tmp/secret",
	        "../../tree/tmp/secret", "../../../../../../etc/passwd", "/view/a", ".", "..", "/"};
	char script[4096] = "set -e; printf " SECRET " > /tmp/secret; printf mine > a; mkdir dirs d; ";

	for (size_t i = 0; i < sizeof targets / sizeof *targets; i++)
		snprintf(script + strlen(script), sizeof script - strlen(script), "ln -s %s l%zu; ln -s %s d/l%zu; ", targets[i], i,
		        targets[i], i);
	/* as the first, the middle and the last part of a path */
	snprintf(script + strlen(script), sizeof script - strlen(script),
	        "ln -s /etc etc; ln -s / dirs/root; ln -s /tmp dirs/tmp; ln -s . dirs/here; ln -s .. dirs/up");
	begin_with(BX_SH(script));
	collect(&(struct ask){.patterns = {"**", "etc/passwd", "dirs/root/etc/passwd", "dirs/tmp/secret", "dirs/up/a",
	                              "dirs/here/here/here/up/a", "l0/**", "l20/**"}});
	unsigned files = 0;
	for (unsigned i = 0; i < got.n; i++) {
		if (strcmp(got.one[i].path, "a") == 0) {
			has("a", "mine");
			files++;
			continue;
		}
		assert_int_equal(got.one[i].missing, SP_MISSING_LINK);
		assert_int_equal(got.one[i].len, 0);
	}
	assert_int_equal(files, 1);
	assert_int_equal(got.n, 1 + 2 * sizeof targets / sizeof *targets + 5);
	end_clean();
}

/* Wins: the moment between a look and an opening. Whatever it leaves running goes on swapping files, directories and links; so it may not run any more. */
static void processes_that_do_not_end(void **state)
{
	BEGIN("mkdir real; printf one > real/f; printf one > g; ln -s /etc evil; printf 0 > n;"
	      " swap='trap \"\" TERM HUP INT PIPE; while :; do mv real r2; mv evil real; printf two > g.new; mv g.new g; echo x >> n; mv "
	      "real evil; mv r2 real; done';"
	      " for i in 1 2 3; do (setsid sh -c \"$swap\" </dev/null >/dev/null 2>&1 &) ; done;"
	      " (setsid sh -c 'kill -STOP $$' </dev/null >/dev/null 2>&1 &);"
	      " while [ $(stat -c %s n) -lt 5 ]; do :; done");
	COLLECT("**");
	int64_t size = find("n")->size;
	unsigned n = got.n, sum = 0;
	for (unsigned i = 0; i < got.n; i++) sum += got.one[i].sum + (unsigned)got.one[i].size;
	for (int round = 0; round < 20; round++) {
		unsigned again = 0;
		COLLECT("**", "evil/passwd", "real/passwd");
		for (unsigned i = 0; i < got.n; i++) {
			again += got.one[i].sum + (unsigned)got.one[i].size;
			assert_false(holds(got.one[i].text, "root:"));
			assert_true(got.one[i].missing || got.one[i].whole);
		}
		assert_int_equal(got.n, n);
		assert_int_equal(again, sum);
		assert_true(find("n")->size == size);
	}
	end_clean();
}

/* Wins: a collector that waits for it: locks, leases, a named pipe in the place of a file. */
static void what_makes_readers_wait(void **state)
{
	begin_with(BX_PROBE("hold-files"));
	COLLECT("**");
	paths("!fifo leased locked mapped probe record written");
	lacks("fifo", SP_MISSING_SPECIAL);
	for (const char *const *f = (const char *const[]){"leased", "locked", "mapped", "record", "written", NULL}; *f; f++)
		has(*f, "held");
	end_clean();
}

/* Wins: records of its own, so that the service takes its bytes for another's file or another's path: names and contents speak the format. */
static void contents_that_speak_the_format(void **state)
{
	BEGIN("printf 'SPR1\\001\\000\\003\\000\\005\\000\\000\\000\\000\\000\\000\\000../hello' > a;"
	      " { printf "
	      "'\\000\\000\\000\\000\\001\\000\\005\\000\\003\\000\\000\\000\\000\\000\\000\\000b/"
	      "bad\\003\\000\\000\\000bad\\000\\000\\000\\000'; head -c 70000 /dev/zero;"
	      "   printf '\\003\\000\\000\\000\\000\\000\\000\\000\\000\\000\\000\\000\\000\\000\\000\\000\\001\\000\\000\\000'; } > b;"
	      " printf x > \"$(printf 'c\\001\\001\\003\\002d')\"; mkdir \"$(printf '\\003')\"; printf y > \"$(printf '\\003/\\001')\"");
	COLLECT("**");
	paths("\3/\1 a b c\1\1\3\2d");
	assert_int_equal(find("a")->len, 24);
	assert_int_equal(find("b")->len, 28 + 7 - 3 + 70000 + 20);
	has("c\1\1\3\2d", "x");
	has("\3/\1", "y");
	for (unsigned i = 0; i < got.n; i++) assert_true(got.one[i].whole && (size_t)got.one[i].size == got.one[i].len);
	end_clean();
}

/* Wins: a slot in which nothing can be collected, or that must be thrown away: no block, no inode, no process, no memory is left. */
static void everything_used_up(void **state)
{
	struct bx_run run = BX_SH("i=0; printf kept > a; while : > e$i; do i=$((i+1)); done 2>/dev/null; dd if=/dev/zero of=a bs=4k "
	                          "conv=notrunc oflag=append 2>/dev/null;"
	                          " while sleep 1000 & do :; done 2>/dev/null; exit 0");
	struct bx_result r = {0};
	struct sp_box_msg m;
	int fds[SP_BOX_FDS_MAX];

	run.begin.tree_bytes = 8 * MIB;
	run.begin.tree_inodes = 500;
	run.step.processes = 8;
	run.step.memory_bytes = 12 * MIB;
	run.step.wall_ns = (uint64_t)bx_slow() * 3000 * MS;
	bx_begin(slot, &run);
	bx_expect(slot, SP_BOX_BEGUN, &m, fds);
	bx_step(slot, &run);
	bx_collect(slot, &run, &r);
	assert_false(r.refused);
	assert_true(r.done.flags & (SP_BOX_DONE_INODES_FULL | SP_BOX_DONE_BLOCKS_FULL));
	bx_free(&r);
	collect(&(struct ask){.patterns = {"a", "e1?"}});
	assert_int_equal(got.n, 11);
	assert_true(find("a")->whole && strncmp(find("a")->text, "kept", 4) == 0);
	end_clean();
}

/* Wins: its neighbour's files: the other slot has the same names, and is collected at the same time. */
static void the_neighbours_files(void **state)
{
	struct bx_run other = BX_SH("printf " SECRET " > a; printf " SECRET " > /tmp/a; printf " SECRET " > /dev/shm/a; sleep 1000");
	struct sp_box_msg m;
	int fds[SP_BOX_FDS_MAX];
	struct bx_result r = {0};

	bx_begin(box.slot[1], &other);
	bx_step(box.slot[1], &other);
	bx_expect(box.slot[1], SP_BOX_BEGUN, &m, fds);
	bx_expect(box.slot[1], SP_BOX_STARTED, &m, fds);
	BEGIN("printf mine > a; printf other > /tmp/a; printf other > /dev/shm/a; ln -s /tmp/a b");
	for (int i = 0; i < 10; i++) {
		COLLECT("**", "tmp/a", "b/**");
		paths("a !b");
		has("a", "mine");
	}
	end_clean();
	bx_send(box.slot[1], SP_BOX_KILL, NULL, NULL, 0);
	close(fds[0]);
	close(fds[1]);
	bx_expect(box.slot[1], SP_BOX_DONE, &m, fds);
	bx_end(box.slot[1], &r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_teardown(links_to_what_it_cannot_read, check),
	        cmocka_unit_test_teardown(processes_that_do_not_end, check),
	        cmocka_unit_test_teardown(what_makes_readers_wait, check),
	        cmocka_unit_test_teardown(contents_that_speak_the_format, check),
	        cmocka_unit_test_teardown(everything_used_up, check),
	        cmocka_unit_test_teardown(the_neighbours_files, check),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
