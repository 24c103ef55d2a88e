/* SPDX-License-Identifier: MIT */
/* Each limit: it holds, it is told, and the slot goes on afterwards. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "boxclient.h"

#define MS UINT64_C(1000000)
#define MIB (UINT64_C(1) << 20)

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

static void slot_works(void)
{
	struct bx_result r;
	bx_run(slot, &BX_SH("echo fine"), &r);
	BX_EXITED(&r, 0);
	assert_string_equal(r.out, "fine\n");
	assert_int_equal(r.done.flags, 0);
	bx_free(&r);
}

static void wall(void **state)
{
	struct bx_run run = BX_PROBE("sleep");
	struct bx_result r;
	const uint64_t limit = (uint64_t)bx_slow() * 150 * MS;
	run.step.wall_ns = limit;
	bx_run(slot, &run, &r);
	BX_KILLED(&r, SP_BOX_KILLED_WALL);
	assert_true(r.done.wall_ns >= limit);
	assert_string_equal(r.out, "sleeping\n"); /* what was printed until then is returned */
	bx_free(&r);
	slot_works();
}

/* What a limit that is not enforced comes to: a backstop at most, and no claim in the result. */
static void unenforced(struct bx_run run, struct bx_result *r)
{
	bx_run(slot, &run, r);
	assert_false(r->refused);
	assert_int_equal(r->done.flags & (SP_BOX_DONE_OOM | SP_BOX_DONE_MEMORY_HIT | SP_BOX_DONE_PIDS_HIT), 0);
	assert_int_equal(r->done.killed_by, SP_BOX_KILLED_NOT);
}

static void cpu(void **state)
{
	if (!bx_enforces(&box, SP_BOX_ENF_CPU)) {
		struct bx_run one = BX_PROBE("burn", "1");
		struct bx_result alone;
		one.step.cpu_ns = 200 * MS;
		unenforced(one, &alone); /* RLIMIT_CPU: whole seconds, and each process for itself */
		assert_int_equal(alone.done.ended, SP_BOX_SIGNALED);
		assert_int_equal(alone.done.code, SIGKILL);
		assert_true(alone.done.cpu_ns >= 200 * MS);
		bx_free(&alone);
		slot_works();
		return;
	}
	for (int processes = 1; processes <= 2; processes++) {
		char n[4];
		snprintf(n, sizeof n, "%d", processes);
		struct bx_run run = BX_PROBE("burn", n);
		struct bx_result r;
		run.step.cpu_ns = 200 * MS;
		bx_run(slot, &run, &r);
		BX_KILLED(&r, SP_BOX_KILLED_CPU);
		assert_true(r.done.cpu_ns >= 200 * MS);
		bx_free(&r);
	}
	slot_works();
}

static void memory_of_processes(void **state)
{
	if (!bx_enforces(&box, SP_BOX_ENF_MEMORY)) {
		struct bx_run more = BX_PROBE("eat", "60");
		struct bx_result whole;
		more.step.memory_bytes = 48 * MIB;
		unenforced(more, &whole);
		BX_EXITED(&whole, 0);
		assert_in_range(whole.done.memory_peak, 60 * MIB, 70 * MIB); /* of one process it is known */
		bx_free(&whole);
		return;
	}
	struct bx_run run = BX_PROBE("eat", "200");
	struct bx_result r;
	run.step.memory_bytes = 48 * MIB;
	bx_run(slot, &run, &r);
	BX_KILLED(&r, SP_BOX_KILLED_NOT);
	assert_int_equal(r.done.flags & SP_BOX_DONE_OOM, SP_BOX_DONE_OOM);
	assert_int_equal(r.done.flags & SP_BOX_DONE_MEMORY_HIT, SP_BOX_DONE_MEMORY_HIT);
	assert_in_range(r.done.memory_peak, 40 * MIB, 49 * MIB);
	bx_free(&r);

	/* and what fits is not disturbed */
	run = BX_PROBE("eat", "30");
	run.step.memory_bytes = 48 * MIB;
	bx_run(slot, &run, &r);
	BX_EXITED(&r, 0);
	assert_int_equal(r.done.flags & SP_BOX_DONE_OOM, 0);
	assert_in_range(r.done.memory_peak, 30 * MIB, 40 * MIB);
	bx_free(&r);
	slot_works();
}

/* Pages of a tmpfs belong to no process: the killer has to choose the run all the same, not the launcher (box-rules.md 4). */
static void memory_of_files(void **state)
{
	if (!bx_enforces(&box, SP_BOX_ENF_MEMORY)) {
		struct bx_run more = BX_PROBE("fill", "/tmp/big", "30");
		struct bx_result whole;
		more.step.memory_bytes = 24 * MIB;
		unenforced(more, &whole);
		BX_EXITED(&whole, 0); /* the tree's own size is the limit that holds */
		bx_free(&whole);
		return;
	}
	struct bx_run run = BX_PROBE("fill", "/tmp/big", "60");
	struct bx_result r;
	run.step.memory_bytes = 24 * MIB;
	bx_run(slot, &run, &r);
	BX_KILLED(&r, SP_BOX_KILLED_NOT);
	assert_int_equal(r.done.flags & SP_BOX_DONE_OOM, SP_BOX_DONE_OOM);
	assert_int_equal(r.ended.flags, 0); /* the slot survived, it was not replaced */
	bx_free(&r);
	slot_works();
}

static void memory_in_a_child_is_told_too(void **state)
{
	if (!bx_enforces(&box, SP_BOX_ENF_MEMORY)) return;
	struct bx_run run = BX_SH("/box/probe eat 200; echo survived");
	struct bx_result r;
	run.files = bx_probe_file();
	run.nfiles = 1;
	run.step.memory_bytes = 48 * MIB;
	bx_run(slot, &run, &r);
	if (box.ready.cgroup_version == 2) {
		/* box-rules.md 4: memory.oom.group ends the run as a whole */
		BX_KILLED(&r, SP_BOX_KILLED_NOT);
		assert_null(strstr(r.out, "survived"));
	} else {
		BX_EXITED(&r, 0);
		assert_non_null(strstr(r.out, "survived"));
	}
	assert_int_equal(r.done.flags & SP_BOX_DONE_OOM, SP_BOX_DONE_OOM);
	bx_free(&r);
}

static void a_later_step_below_the_trees_size(void **state)
{
	if (!bx_enforces(&box, SP_BOX_ENF_MEMORY)) return;
	struct bx_run run = BX_PROBE("fill", "/tmp/big", "20"), second = BX_SH("true");
	struct bx_result r = {0}, r2 = {0};
	struct sp_box_msg m;
	int fds[SP_BOX_FDS_MAX];
	second.step.memory_bytes = 8 * MIB;
	bx_begin(slot, &run);
	bx_step(slot, &run);
	bx_expect(slot, SP_BOX_BEGUN, &m, fds);
	bx_collect(slot, &run, &r);
	BX_EXITED(&r, 0);
	bx_step(slot, &second);
	bx_collect(slot, &second, &r2);
	assert_true(r2.refused);
	assert_int_equal(r2.error.code, SP_BOX_E_FILES);
	bx_end(slot, &r2);
	bx_free(&r);
	bx_free(&r2);
	slot_works();
}

/* The request's own doing, not the box's. */
static void files_over_the_memory_limit(void **state)
{
	if (!bx_enforces(&box, SP_BOX_ENF_MEMORY)) return;
	static char block[30 << 20];
	const struct bx_file file = {"big", 0644, block, sizeof block};
	struct bx_run run = BX_SH("true");
	struct bx_result r;
	run.files = &file;
	run.nfiles = 1;
	for (uint64_t mib = 4; mib <= 16; mib *= 4) {
		run.step.memory_bytes = mib * MIB;
		bx_run(slot, &run, &r);
		assert_true(r.refused);
		assert_int_equal(r.error.code, SP_BOX_E_FILES);
		bx_free(&r);
		slot_works();
	}
}

static void processes(void **state)
{
	if (!bx_enforces(&box, SP_BOX_ENF_PIDS)) {
		struct bx_run bomb = BX_PROBE("fork-bomb");
		struct bx_result end;
		bomb.step.processes = 20;
		unenforced(bomb, &end); /* RLIMIT_NPROC stops it, at some number of its own */
		BX_EXITED(&end, 0);
		assert_string_equal(end.out, "refused EAGAIN\n");
		bx_free(&end);
		slot_works();
		return;
	}
	struct bx_run run = BX_PROBE("fork-bomb");
	struct bx_result r;
	run.step.processes = 20;
	bx_run(slot, &run, &r);
	BX_EXITED(&r, 0);
	assert_string_equal(r.out, "refused EAGAIN\n");
	assert_int_equal(r.done.flags & SP_BOX_DONE_PIDS_HIT, SP_BOX_DONE_PIDS_HIT);
	bx_free(&r);

	/* one process means one */
	run = BX_SH("true & wait");
	run.step.processes = 1;
	bx_run(slot, &run, &r);
	assert_true(!r.refused && r.done.flags & SP_BOX_DONE_PIDS_HIT);
	bx_free(&r);
	slot_works();
}

static void disk_blocks(void **state)
{
	const char *const places[] = {"/box/f", "/tmp/f", "/dev/shm/f"};
	for (int i = 0; i < 3; i++) {
		struct bx_run run = BX_PROBE("fill", places[i], "100");
		struct bx_result r;
		run.begin.tree_bytes = 4 * MIB;
		bx_run(slot, &run, &r);
		BX_EXITED(&r, 1);
		assert_string_equal(r.out, "write ENOSPC\n");
		assert_int_equal(r.done.flags & (SP_BOX_DONE_BLOCKS_FULL | SP_BOX_DONE_OOM), SP_BOX_DONE_BLOCKS_FULL);
		bx_free(&r);
	}
	slot_works();
}

static void disk_inodes(void **state)
{
	struct bx_run run = BX_PROBE("files", "100");
	struct bx_result r;
	run.begin.tree_inodes = 50;
	bx_run(slot, &run, &r);
	BX_EXITED(&r, 1);
	assert_string_equal(r.out, "create ENOSPC\n");
	assert_int_equal(r.done.flags & SP_BOX_DONE_INODES_FULL, SP_BOX_DONE_INODES_FULL);
	bx_free(&r);

	run = BX_PROBE("files", "8000"); /* the default is 8192 */
	bx_run(slot, &run, &r);
	BX_EXITED(&r, 0);
	assert_int_equal(r.done.flags, 0);
	bx_free(&r);
	slot_works();
}

static void file_size(void **state)
{
	struct bx_run run = BX_PROBE("fill", "/box/f", "100");
	struct bx_result r;
	run.step.file_bytes = 1 * MIB;
	bx_run(slot, &run, &r);
	assert_false(r.refused);
	assert_int_equal(r.done.ended, SP_BOX_SIGNALED);
	assert_int_equal(r.done.code, SIGXFSZ);
	bx_free(&r);
}

static void open_files_and_stack(void **state)
{
	struct bx_run run = BX_SH("ulimit -n; ulimit -s; ulimit -c; ulimit -l");
	struct bx_result r;
	run.step.open_files = 77;
	run.step.stack_bytes = 16 * MIB;
	bx_run(slot, &run, &r);
	BX_EXITED(&r, 0);
	assert_string_equal(r.out, "77\n16384\n0\n64\n");
	bx_free(&r);
	run = BX_SH("grep 'core file' /proc/self/limits");
	bx_run(slot, &run, &r);
	BX_EXITED(&r, 0);
	assert_string_equal(
	        r.out, "Max core file size        1                    1                    bytes     \n"); /* box-rules.md 21 */
	bx_free(&r);
}

static int kill_it(const struct bx_run *run, void *arg)
{
	bx_send(slot, SP_BOX_KILL, NULL, NULL, 0);
	bx_send(slot, SP_BOX_KILL, NULL, NULL, 0); /* the second finds nothing more to do */
	return 0;
}

static void killed_by_the_service(void **state)
{
	struct bx_run run = BX_PROBE("sleep");
	struct bx_result r;
	run.probe = kill_it;
	bx_run(slot, &run, &r);
	BX_KILLED(&r, SP_BOX_KILLED_SERVICE);
	bx_free(&r);

	/* before the program was even started */
	struct sp_box_msg m;
	int fds[SP_BOX_FDS_MAX];
	run.probe = NULL;
	memset(&r, 0, sizeof r);
	bx_begin(slot, &run);
	bx_step(slot, &run);
	bx_send(slot, SP_BOX_KILL, NULL, NULL, 0);
	bx_expect(slot, SP_BOX_BEGUN, &m, fds);
	bx_collect(slot, &run, &r);
	BX_KILLED(&r, SP_BOX_KILLED_SERVICE);
	bx_end(slot, &r);
	bx_free(&r);

	bx_send(slot, SP_BOX_KILL, NULL, NULL, 0); /* nothing runs: ignored */
	slot_works();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(wall),
	        cmocka_unit_test(cpu),
	        cmocka_unit_test(memory_of_processes),
	        cmocka_unit_test(memory_of_files),
	        cmocka_unit_test(memory_in_a_child_is_told_too),
	        cmocka_unit_test(a_later_step_below_the_trees_size),
	        cmocka_unit_test(files_over_the_memory_limit),
	        cmocka_unit_test(processes),
	        cmocka_unit_test(disk_blocks),
	        cmocka_unit_test(disk_inodes),
	        cmocka_unit_test(file_size),
	        cmocka_unit_test(open_files_and_stack),
	        cmocka_unit_test(killed_by_the_service),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
