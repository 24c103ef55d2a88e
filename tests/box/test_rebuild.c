/* SPDX-License-Identifier: MIT */
/* A slot that must be built again on a host that refuses it for the moment: it is told, tried once a second, and comes back. */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "boxclient.h"

static void write_number(const char *dir, const char *file, long v)
{
	char path[640];
	snprintf(path, sizeof path, "%s/%s", dir, file);
	FILE *f = fopen(path, "we");
	assert_non_null(f);
	fprintf(f, "%ld\n", v);
	assert_int_equal(fclose(f), 0);
}

/* A run after which the slot is replaced, in vain. */
static void goes_down(const struct bx *b)
{
	struct bx_result r;
	struct bx_run loop = BX_PROBE("loopback", "4242");
	bx_run(b->slot[0], &loop, &r);
	BX_EXITED(&r, 0);
	assert_int_equal(r.ended.flags, SP_BOX_ENDED_REPLACED | SP_BOX_ENDED_DOWN);
	bx_free(&r);
	bx_run(b->slot[0], &BX_SH("echo again"), &r);
	assert_true(r.refused);
	assert_int_equal(r.error.code, SP_BOX_E_SETUP);
	assert_int_equal(r.error.errnum, EAGAIN);
	bx_free(&r);
}

/* How many launchers slot 0 has had after its first, as the names of their groups tell. */
static unsigned generation(const char *dir)
{
	unsigned highest = 0, n;
	DIR *d = opendir(dir);
	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));)
		if (sscanf(e->d_name, "s0-%u", &n) == 1 && n > highest) highest = n;
	closedir(d);
	return highest;
}

static void comes_back(const struct bx *b)
{
	struct bx_result r = {.refused = true};
	for (int tries = BX_WAIT_MS / 5; r.refused && tries--;) {
		nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
		bx_free(&r);
		bx_run(b->slot[0], &BX_SH("echo again"), &r);
	}
	BX_EXITED(&r, 0);
	assert_int_equal(r.ended.flags, 0);
	bx_free(&r);
}

static void neighbour_runs(const struct bx *b)
{
	struct bx_result r;
	bx_run(b->slot[1], &BX_SH("echo here"), &r);
	BX_EXITED(&r, 0);
	bx_free(&r);
}

/* The last of the kernel's reasons to refuse a clone, given after the descriptor of the child that will not be has been written. */
static void no_more_processes(void **state)
{
	struct bx b;
	char dir[512], own[600];

	bx_start(&b, 2, NULL);
	if (bx_test_uid() != 0 || !bx_enforces(&b, SP_BOX_ENF_PIDS)) { /* without root a test may not set the limit */
		bx_stop(&b);
		return;
	}
	bx_cgroup_path(&b, "pids", dir, sizeof dir);
	if (b.ready.cgroup_version == 1) { /* launchers are born where the box is */
		snprintf(own, sizeof own, "%.*s/test-rebuild-%d", (int)(strrchr(dir, '/') - dir), dir, (int)getpid());
		assert_int_equal(mkdir(own, 0755), 0);
		write_number(own, "cgroup.procs", bx_child_of(b.stub));
	} else { /* in a group of their own, below the one that all slots are in */
		snprintf(own, sizeof own, "%s", dir);
	}
	struct bx_result r;
	struct bx_run loop = BX_PROBE("loopback", "4242");
	struct sp_box_msg m;
	int fds[SP_BOX_FDS_MAX];
	bx_begin(b.slot[0], &loop);
	bx_expect(b.slot[0], SP_BOX_BEGUN, &m, fds);
	bx_step(b.slot[0], &loop);
	bx_collect(b.slot[0], &loop, &r);
	BX_EXITED(&r, 0);
	bx_free(&r);
	write_number(own, "pids.max", 1);
	bx_end(b.slot[0], &r);
	assert_int_equal(r.ended.flags, SP_BOX_ENDED_REPLACED | SP_BOX_ENDED_DOWN);
	bx_run(b.slot[0], &BX_SH("echo again"), &r);
	assert_true(r.refused);
	assert_int_equal(r.error.errnum, EAGAIN);
	bx_free(&r);
	if (b.ready.cgroup_version == 1) neighbour_runs(&b);
	write_number(own, "pids.max", 100000);
	comes_back(&b);
	neighbour_runs(&b);
	bx_stop(&b);
	if (b.ready.cgroup_version == 1) assert_int_equal(rmdir(own), 0);
}

/* A launcher that is born, and finds that it cannot build: whichever of its ends is seen first, the next one is not started at once. */
static void a_root_that_is_gone(void **state)
{
	struct bx b;
	char dir[] = "/tmp/serapis-rebuild-XXXXXX", away[64], policy[128], groups[512];

	assert_non_null(mkdtemp(dir));
	assert_int_equal(chmod(dir, 0755), 0);
	snprintf(away, sizeof away, "%s-away", dir);
	snprintf(policy, sizeof policy, "slots_max 8\nroot other dir %s\n", dir);
	bx_start(&b, 2, policy);
	bx_cgroup_path(&b, "pids", groups, sizeof groups);
	assert_int_equal(rename(dir, away), 0);
	goes_down(&b);
	/* One, and one for each second since. Started again at once it is a hundred until the box happens to see the ends in the other order. */
	if (bx_enforces(&b, SP_BOX_ENF_PIDS)) assert_in_range(generation(groups), 1, 8);
	for (int i = 0; i < 3; i++) neighbour_runs(&b);
	assert_int_equal(rename(away, dir), 0);
	comes_back(&b);
	bx_stop(&b);
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(no_more_processes),
	        cmocka_unit_test(a_root_that_is_gone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
