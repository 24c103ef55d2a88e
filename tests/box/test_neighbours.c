/* SPDX-License-Identifier: MIT */
/* What one slot's program does at the cost of others: of the next run, of other slots, of the host. */
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <cmocka.h>

#include "boxclient.h"

#define MS UINT64_C(1000000)
#define MIB (UINT64_C(1) << 20)

/* BEGIN and STEP, up to STARTED; the pipes are left to bx_collect's counterpart below. */
static void launch(int ch, const struct bx_run *run)
{
	struct sp_box_msg m;
	int fds[SP_BOX_FDS_MAX];
	bx_begin(ch, run);
	bx_step(ch, run);
	bx_expect(ch, SP_BOX_BEGUN, &m, fds);
}

/* 60 sessions against as many processes as there are processors: over the same time both slots get the same, less what a busy machine blurs. */
static void processor_time_is_shared_by_slot(void **state)
{
	struct bx b;
	char n[16];
	snprintf(n, sizeof n, "%ld", sysconf(_SC_NPROCESSORS_ONLN));
	struct bx_run many = BX_PROBE("burn-in-sessions", "60"), few = BX_PROBE("burn", n);
	struct bx_result rm = {0}, rf = {0};
	many.step.wall_ns = few.step.wall_ns = 1500 * MS;
	many.step.cpu_ns = few.step.cpu_ns = 500 * 1000 * MS;
	many.step.processes = few.step.processes = 256;

	bx_start(&b, 2, NULL);
	if (!bx_enforces(&b, SP_BOX_ENF_CPU)) {
		bx_stop(&b);
		return;
	}
	launch(b.slot[0], &many);
	launch(b.slot[1], &few);
	bx_collect(b.slot[0], &many, &rm);
	bx_collect(b.slot[1], &few, &rf);
	BX_KILLED(&rm, SP_BOX_KILLED_WALL);
	BX_KILLED(&rf, SP_BOX_KILLED_WALL);
	print_message("# cpu: %llu ms with 60 sessions, %llu ms with %s processes\n", (unsigned long long)(rm.done.cpu_ns / MS),
	        (unsigned long long)(rf.done.cpu_ns / MS), n);
	assert_true(rf.done.cpu_ns * 4 >= rm.done.cpu_ns);
	bx_end(b.slot[0], &rm);
	bx_end(b.slot[1], &rf);
	bx_free(&rm);
	bx_free(&rf);
	bx_stop(&b);
}

/* Socket buffers are not in the memory cgroup's account; without a bound of their own these connections would take several 100 MB. */
static void tcp_buffers_are_bounded(void **state)
{
	struct bx b;
	struct bx_run run = BX_PROBE("fill-tcp", "100");
	struct bx_result r;
	long long taken = 0;
	run.step.memory_bytes = 64 * MIB;
	bx_start(&b, 1, NULL);
	if (!bx_enforces(&b, SP_BOX_ENF_MEMORY)) {
		bx_stop(&b);
		return;
	}
	bx_run(b.slot[0], &run, &r);
	BX_EXITED(&r, 0);
	assert_int_equal(sscanf(r.out, "taken %lld", &taken), 1);
	assert_in_range(taken, 1, 48 * MIB);
	bx_free(&r);
	bx_stop(&b);
}

/* A box that is kept to one processor does not keep its programs there; the cpu limit has to be looked at as soon as all of them can have used it up. */
static void cpu_limit_of_a_program_that_leaves_our_processors(void **state)
{
	struct bx b;
	char n[16];
	cpu_set_t all, one;
	struct bx_result r;
	assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
	snprintf(n, sizeof n, "%d", CPU_COUNT(&all));
	struct bx_run run = BX_PROBE("burn-everywhere", n);
	run.step.cpu_ns = 1000 * MS;
	CPU_ZERO(&one);
	for (int i = 0, found = 0; i < CPU_SETSIZE && !found; i++)
		if (CPU_ISSET(i, &all)) CPU_SET(i, &one), found = 1;
	assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
	bx_start(&b, 1, NULL);
	assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
	if (!bx_enforces(&b, SP_BOX_ENF_CPU)) {
		bx_stop(&b);
		return;
	}
	bx_run(b.slot[0], &run, &r);
	BX_KILLED(&r, SP_BOX_KILLED_CPU);
	assert_string_equal(r.out, "affinity ok\n");
	assert_in_range(r.done.cpu_ns, 1000 * MS, 1700 * MS);
	bx_free(&r);
	bx_stop(&b);
}

/* Instances count against the host's root, whatever namespace they are made in: every slot gets its part, and the host keeps some. */
static void inotify_is_shared_out(void **state)
{
	enum { SLOTS = 20 };
	struct bx b;
	struct bx_run run = BX_PROBE("inotify");
	struct sp_box_msg m;
	int fds[SP_BOX_FDS_MAX], out[SLOTS], first = 0;
	bx_start(&b, SLOTS, "slots_max 20\n");
	for (int i = 0; i < SLOTS; i++) launch(b.slot[i], &run);
	for (int i = 0; i < SLOTS; i++) {
		char line[64] = "";
		int n = 0;
		bx_expect(b.slot[i], SP_BOX_STARTED, &m, fds);
		out[i] = fds[0];
		close(fds[1]);
		struct pollfd p = {.fd = out[i], .events = POLLIN};
		assert_int_equal(poll(&p, 1, BX_WAIT_MS), 1);
		assert_true(read(out[i], line, sizeof line - 1) > 0);
		assert_int_equal(sscanf(line, "instances %d", &n), 1);
		if (!i) first = n;
		assert_in_range(n, 1, 8);
		assert_int_equal(n, first);
	}
	int host = inotify_init1(IN_CLOEXEC);
	assert_true(host >= 0);
	close(host);
	for (int i = 0; i < SLOTS; i++) {
		struct bx_result r;
		bx_send(b.slot[i], SP_BOX_KILL, NULL, NULL, 0);
		bx_expect(b.slot[i], SP_BOX_DONE, &m, fds);
		close(out[i]);
		bx_end(b.slot[i], &r);
	}
	bx_stop(&b);
}

/* The same bound holds for datagrams that wait: these sockets would hold some 50 MB of them. */
static void udp_buffers_are_bounded(void **state)
{
	struct bx b;
	struct bx_run run = BX_PROBE("fill-udp", "240");
	struct bx_result r;
	unsigned long long waiting = 0;
	bx_start(&b, 1, NULL);
	if (!bx_enforces(&b, SP_BOX_ENF_MEMORY)) {
		bx_stop(&b);
		return;
	}
	bx_run(b.slot[0], &run, &r);
	BX_EXITED(&r, 0);
	assert_int_equal(sscanf(r.out, "waiting %llu", &waiting), 1);
	assert_in_range(waiting, 1, 24 * MIB);
	bx_free(&r);
	bx_stop(&b);
}

/* Not a packet moved, and yet the next run could read how often this one tried. */
static void counters_of_the_network_are_not_handed_on(void **state)
{
	struct bx b;
	struct bx_result r;
	struct bx_run try = BX_PROBE("no-route"), look = BX_SH("grep ^Ip: /proc/net/snmp; cat /proc/net/snmp6");
	bx_start(&b, 1, NULL);
	bx_run(b.slot[0], &look, &r);
	BX_EXITED(&r, 0);
	assert_int_equal(r.ended.flags, 0);
	struct bx_result before = r;
	bx_run(b.slot[0], &try, &r);
	BX_EXITED(&r, 0);
	assert_string_equal(r.out, "sendto ENETUNREACH\n");
	assert_int_equal(r.ended.flags, SP_BOX_ENDED_REPLACED);
	bx_free(&r);
	bx_run(b.slot[0], &look, &r);
	BX_EXITED(&r, 0);
	assert_string_equal(r.out, before.out);
	bx_free(&r);
	bx_free(&before);
	bx_stop(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(processor_time_is_shared_by_slot),
	        cmocka_unit_test(tcp_buffers_are_bounded),
	        cmocka_unit_test(udp_buffers_are_bounded),
	        cmocka_unit_test(counters_of_the_network_are_not_handed_on),
	        cmocka_unit_test(inotify_is_shared_out),
	        cmocka_unit_test(cpu_limit_of_a_program_that_leaves_our_processors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
