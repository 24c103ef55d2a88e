/* SPDX-License-Identifier: MIT */
/* Whoever is killed, nothing is left: no process, no cgroup with a task; and nothing accumulates over many runs. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "boxclient.h"

#define EVER 6 /* tasks of a scene that are there from the start: launcher, init and main process of each slot */

static const char *const controllers[] = {"memory", "cpuacct", "pids"};

struct scene { /* a box with two programs that would run for ever, and where its cgroups are */
	struct bx b;
	pid_t box;
	char cgroup[3][512];
};

static void set_scene(struct scene *s)
{
	struct bx_run run = BX_PROBE("burn", "2"), other = BX_PROBE("daemon");
	struct sp_box_msg m;
	int fds[SP_BOX_FDS_MAX];

	bx_start(&s->b, 2, NULL);
	s->box = bx_child_of(s->b.stub);
	assert_true(s->box > 0);
	for (int i = 0; i < 3; i++) bx_cgroup_path(&s->b, controllers[i], s->cgroup[i], sizeof s->cgroup[i]);
	run.argv = (const char *const[]){"/box/probe", "burn", "2", NULL};
	bx_begin(s->b.slot[0], &run);
	bx_step(s->b.slot[0], &run);
	other.argv = (const char *const[]){"/bin/sh", "-c", "/box/probe daemon; exec /box/probe sleep", NULL};
	bx_begin(s->b.slot[1], &other);
	bx_step(s->b.slot[1], &other);
	for (int i = 0; i < 2; i++) {
		bx_expect(s->b.slot[i], SP_BOX_BEGUN, &m, fds);
		bx_expect(s->b.slot[i], SP_BOX_STARTED, &m, fds);
		close(fds[0]), close(fds[1]);
	}
}

/* Without a cgroup: what descends from the box. */
static int children_below(pid_t pid)
{
	char path[64];
	int n = 0, child;
	snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
	FILE *f = fopen(path, "re");
	while (f && fscanf(f, "%d", &child) == 1) n += 1 + children_below(child);
	if (f) fclose(f);
	return n;
}

/* Tasks of the slots' cgroups ("s…" with all below them; "box" on v2 is the box itself); -1: the directory is gone. */
static int tasks_below(const char *dir)
{
	char path[1024];
	int n = 0, pid;
	if (sscanf(dir, "pid:%d", &pid) == 1) return kill(pid, 0) < 0 ? -1 : children_below(pid);
	DIR *d = opendir(dir);
	if (!d) return -1;
	for (struct dirent *e; (e = readdir(d));) {
		if (e->d_type != DT_DIR || e->d_name[0] == '.' || strcmp(e->d_name, "box") == 0) continue;
		snprintf(path, sizeof path, "%s/%s/cgroup.procs", dir, e->d_name);
		FILE *f = fopen(path, "re");
		while (f && fscanf(f, "%d", &pid) == 1) n++;
		if (f) fclose(f);
		snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
		int below = tasks_below(path);
		n += below > 0 ? below : 0;
	}
	closedir(d);
	return n;
}

/* Directories of a cgroup, on every level. */
static int groups_below(const char *dir)
{
	char path[1024];
	int n = 0;
	DIR *d = opendir(dir);
	for (struct dirent *e; d && (e = readdir(d));) {
		if (e->d_type != DT_DIR || e->d_name[0] == '.') continue;
		snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
		n += 1 + groups_below(path);
	}
	if (d) closedir(d);
	return n;
}

static void nap(void) { nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL); }

/* Bounded by BX_WAIT_MS in naps of 5 ms: a machine under load may take its time, a leak takes for ever. */
static void all_gone(const struct scene *s, bool directories_too)
{
	for (int i = 0; i < 3; i++) {
		int tries = BX_WAIT_MS / 5, n;
		while (((n = tasks_below(s->cgroup[i])) > 0 || (directories_too && n == 0)) && tries--) nap();
		if (directories_too)
			assert_int_equal(n, -1);
		else
			assert_true(n <= 0);
	}
	for (int tries = BX_WAIT_MS / 5; kill(s->box, 0) == 0 && tries--;) nap();
	assert_int_equal(kill(s->box, 0), -1);
}

static void both_slots_hear_of_it(struct scene *s)
{
	for (int i = 0; i < 2; i++) {
		assert_true(bx_ended(s->b.slot[i]));
		close(s->b.slot[i]);
	}
	close(s->b.control);
}

static void the_service_goes(void **state)
{
	struct scene s;
	set_scene(&s);
	assert_true(tasks_below(s.cgroup[0]) >= EVER);
	close(s.b.control);
	close(s.b.slot[0]);
	close(s.b.slot[1]);
	int status = bx_wait_stub(&s.b);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	all_gone(&s, true);
}

static void the_box_is_killed(void **state)
{
	struct scene s;
	set_scene(&s);
	assert_int_equal(kill(s.box, SIGKILL), 0);
	both_slots_hear_of_it(&s);
	int status = bx_wait_stub(&s.b);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 128 + SIGKILL);
	all_gone(&s, true);
}

static void the_stub_is_terminated(void **state)
{
	struct scene s;
	set_scene(&s);
	assert_int_equal(kill(s.b.stub, SIGTERM), 0);
	both_slots_hear_of_it(&s);
	bx_wait_stub(&s.b);
	all_gone(&s, true);
}

static void the_stub_is_killed(void **state)
{
	struct scene s;
	struct bx next;
	set_scene(&s);
	assert_int_equal(kill(s.b.stub, SIGKILL), 0);
	both_slots_hear_of_it(&s);
	bx_wait_stub(&s.b);
	all_gone(&s, false);
	/* nobody was left to remove the empty directories; the next box does */
	bx_start(&next, 1, NULL);
	all_gone(&s, true);
	bx_stop(&next);
}

static void remove_groups(const char *dir)
{
	char path[1024];
	DIR *d = opendir(dir);
	for (struct dirent *e; d && (e = readdir(d));) {
		if (e->d_type != DT_DIR || e->d_name[0] == '.') continue;
		snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
		remove_groups(path);
	}
	if (d) closedir(d);
	rmdir(dir);
}

/* Whatever it has removed by then: here all of one controller, and nothing of the others. */
static void the_stub_is_killed_while_it_removes(void **state)
{
	for (int i = 0; i < 3; i++) {
		struct scene s;
		struct bx next;
		set_scene(&s);
		assert_int_equal(kill(s.b.stub, SIGKILL), 0);
		both_slots_hear_of_it(&s);
		bx_wait_stub(&s.b);
		all_gone(&s, false);
		remove_groups(s.cgroup[i]);
		bx_start(&next, 1, NULL);
		all_gone(&s, true);
		bx_stop(&next);
	}
}

/* The parent is a directory that anybody on the machine can open, and so lock. */
static void somebody_locks_the_parent_for_ever(void **state)
{
	char path[512];
	struct bx b;
	bx_start(&b, 1, NULL);
	bx_cgroup_path(&b, "memory", path, sizeof path);
	bx_stop(&b);
	char *end = strrchr(path, '/');
	if (!end) return; /* no cgroup here, and no lock */
	*end = 0;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	bx_start(&b, 1, NULL);
	bx_stop(&b);
	close(fd);
}

/* "never another box's" */
static void a_new_box_leaves_a_running_one_alone(void **state)
{
	struct scene s;
	struct bx next;
	set_scene(&s);
	bx_start(&next, 1, NULL);
	assert_true(tasks_below(s.cgroup[0]) >= EVER);
	bx_stop(&next);
	assert_true(tasks_below(s.cgroup[0]) >= EVER);
	for (int i = 0; i < 2; i++) close(s.b.slot[i]);
	close(s.b.control);
	bx_wait_stub(&s.b);
	all_gone(&s, true);
}

static void interrupts_are_the_services_business(void **state)
{
	struct scene s;
	struct bx_result r;
	set_scene(&s);
	assert_int_equal(kill(s.b.stub, SIGINT), 0);
	assert_int_equal(kill(s.box, SIGINT), 0);
	assert_int_equal(kill(s.b.stub, SIGHUP), 0);
	struct bx_run run = BX_SH("echo alive");
	struct sp_box_msg m;
	int fds[SP_BOX_FDS_MAX];
	bx_send(s.b.slot[0], SP_BOX_KILL, NULL, NULL, 0);
	bx_expect(s.b.slot[0], SP_BOX_DONE, &m, fds);
	bx_end(s.b.slot[0], &(struct bx_result){0});
	bx_run(s.b.slot[0], &run, &r);
	BX_EXITED(&r, 0);
	bx_free(&r);
	bx_stop(&s.b);
	all_gone(&s, true);
}

static void a_launcher_is_killed(void **state)
{
	struct scene s;
	struct sp_box_msg m;
	int fds[SP_BOX_FDS_MAX];
	struct bx_result r;
	set_scene(&s);
	/* children are listed in the order of their birth: the first is slot 0's */
	pid_t launcher = bx_child_of(s.box);
	assert_true(launcher > 0);
	assert_int_equal(kill(launcher, SIGKILL), 0);
	bx_expect(s.b.slot[0], SP_BOX_ERROR, &m, fds);
	assert_int_equal(m.u.error.code, SP_BOX_E_SETUP);
	bx_end(s.b.slot[0], &r);
	assert_int_equal(r.ended.flags, SP_BOX_ENDED_REPLACED);
	bx_run(s.b.slot[0], &BX_SH("echo again"), &r);
	BX_EXITED(&r, 0);
	assert_string_equal(r.out, "again\n");
	bx_free(&r);
	bx_stop(&s.b);
	all_gone(&s, true);
}

/* A launcher that hangs is what the box sees of a container that does not die (box-rules.md 28): its init is not reaped after the kill. */
static void a_container_that_is_not_reaped(void **state)
{
	struct bx b;
	struct sp_box_msg m;
	int fds[SP_BOX_FDS_MAX];
	struct bx_result r;
	struct bx_run run = BX_PROBE("sleep");

	bx_start(&b, 2, NULL);
	pid_t launcher = bx_child_of(bx_child_of(b.stub));
	run.step.wall_ns = 300000000;
	bx_begin(b.slot[0], &run);
	bx_step(b.slot[0], &run);
	bx_expect(b.slot[0], SP_BOX_BEGUN, &m, fds);
	bx_expect(b.slot[0], SP_BOX_STARTED, &m, fds);
	close(fds[0]), close(fds[1]);
	assert_int_equal(kill(launcher, SIGSTOP), 0);
	/* the other slot does not notice */
	bx_run(b.slot[1], &BX_SH("echo fine"), &r);
	BX_EXITED(&r, 0);
	bx_free(&r);
	/* what its end was is known since the kill */
	bx_expect(b.slot[0], SP_BOX_DONE, &m, fds);
	assert_int_equal(m.u.done.ended, SP_BOX_SIGNALED);
	assert_int_equal(m.u.done.killed_by, SP_BOX_KILLED_WALL);
	assert_true(m.u.done.wall_ns >= run.step.wall_ns);
	bx_end(b.slot[0], &r);
	assert_int_equal(r.ended.flags, SP_BOX_ENDED_REPLACED | SP_BOX_ENDED_QUARANTINED);
	bx_run(b.slot[0], &BX_SH("echo again"), &r);
	BX_EXITED(&r, 0);
	assert_int_equal(r.ended.flags, 0);
	bx_free(&r);
	bx_stop(&b);
}

/* ---- a launcher that does not die: a frozen one is to the box what one in the kernel's depths is */

static void write_text(const char *dir, const char *file, const char *text)
{
	char path[600];
	snprintf(path, sizeof path, "%s/%s", dir, file);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static int directories_in(const char *dir)
{
	int n = 0;
	DIR *d = opendir(dir);
	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));) n += e->d_type == DT_DIR && e->d_name[0] == 's';
	closedir(d);
	return n;
}

static char freezer[64];

/* Whatever became of the test: nothing stays frozen. */
static int thaw(void **state)
{
	char path[96];
	snprintf(path, sizeof path, "%s/freezer.state", freezer);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd >= 0) {
		(void)!write(fd, "THAWED", 6);
		close(fd);
	}
	for (int tries = 200; rmdir(freezer) < 0 && errno == EBUSY && tries--;) nap();
	return 0;
}

static void a_launcher_that_dies_late(void **state)
{
	struct bx b;
	char memory[512], number[16];
	struct sp_box_msg m;
	int fds[SP_BOX_FDS_MAX];
	struct bx_result r;
	struct bx_run run = BX_PROBE("sleep");

	/* without root there is no freezer, and no ids and cgroups that could be lost */
	if (bx_test_uid() || access("/sys/fs/cgroup/freezer", W_OK) < 0) {
		print_message("# not enforced here: a launcher cannot be frozen\n");
		return;
	}
	run.step.wall_ns = 200000000;
	snprintf(freezer, sizeof freezer, "/sys/fs/cgroup/freezer/serapis-test-%d", (int)getpid());
	assert_int_equal(mkdir(freezer, 0755), 0);
	/* ids for the box and twice the one slot's: if those of a late launcher did not come back, the second round would find none */
	bx_start(&b, 1, "slots_max 1\nids 1900100000 7\n");
	bx_cgroup_path(&b, "memory", memory, sizeof memory);
	for (int round = 0; round < 2; round++) {
		pid_t launcher = bx_child_of(bx_child_of(b.stub));
		bx_begin(b.slot[0], &run);
		bx_step(b.slot[0], &run);
		bx_expect(b.slot[0], SP_BOX_BEGUN, &m, fds);
		bx_expect(b.slot[0], SP_BOX_STARTED, &m, fds);
		close(fds[0]), close(fds[1]);
		snprintf(number, sizeof number, "%d", (int)launcher);
		write_text(freezer, "cgroup.procs", number);
		write_text(freezer, "freezer.state", "FROZEN");
		bx_expect(b.slot[0], SP_BOX_DONE, &m, fds);
		assert_int_equal(m.u.done.killed_by, SP_BOX_KILLED_WALL);
		bx_end(b.slot[0], &r);
		assert_int_equal(r.ended.flags, SP_BOX_ENDED_REPLACED | SP_BOX_ENDED_QUARANTINED);
		assert_int_equal(directories_in(memory), 2);
		bx_run(b.slot[0], &BX_SH("echo again"), &r);
		BX_EXITED(&r, 0);
		bx_free(&r);

		write_text(freezer, "freezer.state", "THAWED");
		for (int tries = BX_WAIT_MS / 5; directories_in(memory) != 1 && tries--;) nap();
		assert_int_equal(directories_in(memory), 1);
	}
	bx_stop(&b);
}

/* user.max_user_namespaces of the box's own namespace. */
static void limit_namespaces(pid_t box, const char *number)
{
	int status;
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		char path[64];
		snprintf(path, sizeof path, "/proc/%d/ns/user", (int)box);
		int ns = open(path, O_RDONLY | O_CLOEXEC);
		if (ns < 0 || setns(ns, CLONE_NEWUSER) < 0) _exit(1);
		int fd = open("/proc/sys/user/max_user_namespaces", O_WRONLY | O_CLOEXEC);
		_exit(fd >= 0 && write(fd, number, strlen(number)) > 0 ? 0 : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* The host refuses a slot its next launcher, and later does not: the other slots never notice, and this one comes back. */
static void a_launcher_that_cannot_start(void **state)
{
	struct bx b;
	struct bx_result r;
	struct bx_run loop = BX_PROBE("loopback", "4242"), again = BX_SH("echo again");

	bx_start(&b, 2, NULL);
	pid_t box = bx_child_of(b.stub);
	limit_namespaces(box, "1");
	bx_run(b.slot[0], &loop, &r);
	BX_EXITED(&r, 0);
	assert_int_equal(r.ended.flags, SP_BOX_ENDED_REPLACED | SP_BOX_ENDED_DOWN);
	bx_free(&r);
	for (int i = 0; i < 3; i++) {
		bx_run(b.slot[0], &again, &r);
		assert_true(r.refused);
		assert_int_equal(r.error.code, SP_BOX_E_SETUP);
		assert_int_equal(r.error.errnum, EAGAIN);
		assert_int_equal(r.ended.flags, SP_BOX_ENDED_DOWN);
		bx_free(&r);
		bx_run(b.slot[1], &again, &r);
		BX_EXITED(&r, 0);
		bx_free(&r);
	}
	limit_namespaces(box, "1000");
	r.refused = true;
	for (int tries = BX_WAIT_MS / 5; r.refused && tries--; nap()) {
		bx_free(&r);
		bx_run(b.slot[0], &again, &r);
	}
	BX_EXITED(&r, 0);
	assert_int_equal(r.ended.flags, 0);
	bx_free(&r);
	bx_stop(&b);
}

/* ---- accumulation */

static int count_entries(const char *dir)
{
	int n = 0;
	DIR *d = opendir(dir);
	assert_non_null(d);
	while (readdir(d)) n++;
	closedir(d);
	return n;
}

static int count_lines(pid_t pid, const char *file)
{
	char path[64];
	int n = 0;
	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
	FILE *f = fopen(path, "re");
	assert_non_null(f);
	for (int c; (c = fgetc(f)) != EOF;) n += c == '\n';
	fclose(f);
	return n;
}

struct counts {
	int fds[3], mounts[3], cgroups[3], tasks;
};

static void count(const struct bx *b, char cgroup[3][512], struct counts *c)
{
	pid_t box = bx_child_of(b->stub), all[3] = {b->stub, box, bx_child_of(box)};
	for (int i = 0; i < 3; i++) {
		char path[64];
		snprintf(path, sizeof path, "/proc/%d/fd", (int)all[i]);
		c->fds[i] = count_entries(path);
		c->mounts[i] = count_lines(all[i], "mountinfo");
		c->cgroups[i] = groups_below(cgroup[i]);
	}
	c->tasks = tasks_below(cgroup[2]);
}

/*
 * After ENDED was answered the launcher still makes the next run's container, and in the midst of that it has more descriptors than before or after. It
 * takes its requests one by one, so with BEGUN it is done with that, and until END it does nothing.
 */
static void begin_and_rest(const struct bx *b)
{
	struct sp_box_msg m;
	int fds[SP_BOX_FDS_MAX];
	bx_begin(b->slot[0], &BX_SH("true"));
	bx_expect(b->slot[0], SP_BOX_BEGUN, &m, fds);
}

/* Directories of slots that were replaced go a moment later, when the last of their tasks is gone. */
static void counts_are(const struct bx *b, char cgroup[3][512], const struct counts *before)
{
	struct counts now;
	begin_and_rest(b);
	for (int tries = BX_WAIT_MS / 5; count(b, cgroup, &now), memcmp(before, &now, sizeof now) != 0 && tries--;) nap();
	if (memcmp(before, &now, sizeof now) != 0)
		print_message("# fds %d %d %d, mounts %d %d %d, cgroups %d %d %d, tasks %d\n", now.fds[0], now.fds[1], now.fds[2],
		        now.mounts[0], now.mounts[1], now.mounts[2], now.cgroups[0], now.cgroups[1], now.cgroups[2], now.tasks);
	assert_memory_equal(before, &now, sizeof now);
	bx_end(b->slot[0], &(struct bx_result){0});
}

static void many_runs_leave_nothing(void **state)
{
	struct bx b;
	char cgroup[3][512];
	struct counts before;
	struct bx_result r;
	const char *const no_such[] = {"/no/such/program", NULL};

	bx_start(&b, 1, NULL);
	for (int i = 0; i < 3; i++) bx_cgroup_path(&b, controllers[i], cgroup[i], sizeof cgroup[i]);
	bx_run(b.slot[0], &BX_SH("true"), &r);
	bx_free(&r);
	begin_and_rest(&b);
	for (int tries = BX_WAIT_MS / 5; tasks_below(cgroup[2]) != 3 && tries--;) nap(); /* init makes the program-to-be by itself */
	count(&b, cgroup, &before);
	assert_int_equal(before.tasks, 3); /* launcher; init and program-to-be of the next run */
	bx_end(b.slot[0], &r);
	for (int i = 0; i < 500 / bx_slow(); i++) {
		struct bx_run run = BX_SH("echo $0; exec 5>/tmp/f; (sleep 100 &)");
		struct bx_file file = {"dir/file", 0644, "content", 7};
		run.files = &file;
		run.nfiles = 1;
		run.input = "input";
		run.input_size = 5;
		if (i % 5 == 1) run.argv = no_such;
		if (i % 5 == 2) run.root = "none";
		if (i % 5 == 3) run.step.flags = SP_BOX_STEP_MERGE;
		bx_run(b.slot[0], &run, &r);
		assert_int_equal(r.refused, i % 5 == 1 || i % 5 == 2);
		assert_int_equal(r.ended.flags, 0);
		bx_free(&r);
	}
	counts_are(&b, cgroup, &before);

	/* and so do slots that were replaced */
	struct bx_run loop = BX_PROBE("loopback", "4242");
	for (int i = 0; i < 20; i++) {
		bx_run(b.slot[0], &loop, &r);
		BX_EXITED(&r, 0);
		assert_int_equal(r.ended.flags, SP_BOX_ENDED_REPLACED);
		bx_free(&r);
	}
	counts_are(&b, cgroup, &before);
	bx_stop(&b);
}

static void sixty_four_slots(void **state)
{
	struct bx b;
	struct bx_run run = BX_SH("cat /proc/self/uid_map");
	struct sp_box_msg m;
	int fds[SP_BOX_FDS_MAX];
	unsigned uid[SP_BOX_SLOTS_MAX];
	bx_start(&b, SP_BOX_SLOTS_MAX, "ids 1900100000 65536\n");
	bool separate = bx_enforces(&b, SP_BOX_ENF_IDS);
	for (unsigned i = 0; i < SP_BOX_SLOTS_MAX; i++) {
		bx_begin(b.slot[i], &run);
		bx_step(b.slot[i], &run);
	}
	for (unsigned i = 0; i < SP_BOX_SLOTS_MAX; i++) {
		struct bx_result r = {0};
		bx_expect(b.slot[i], SP_BOX_BEGUN, &m, fds);
		bx_collect(b.slot[i], &run, &r);
		BX_EXITED(&r, 0);
		if (separate) assert_int_equal(sscanf(r.out, "%*u %*u %*u %*u %*u %*u %*u %u", &uid[i]), 1);
		for (unsigned k = 0; k < i && separate; k++) assert_true(uid[i] != uid[k]);
		bx_end(b.slot[i], &r);
		bx_free(&r);
	}
	bx_stop(&b);
}

static void idle_costs_nothing(void **state)
{
	/* no timer runs while nothing does: the box's voluntary switches stand still between two looks that are a second apart */
	struct bx b;
	struct bx_result r;
	char path[64], cmd[128], text[2][64];
	bx_start(&b, 2, NULL);
	bx_run(b.slot[0], &BX_SH("true"), &r);
	bx_free(&r);
	nap(); /* the answer may be here before the box, which has sent it, sleeps again */
	snprintf(path, sizeof path, "/proc/%d/status", (int)bx_child_of(b.stub));
	snprintf(cmd, sizeof cmd, "grep ^voluntary_ctxt %s", path);
	/* Its answer is here before it has gone back to sleep, on a machine that others use too. */
	nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
	for (int i = 0; i < 2; i++) {
		FILE *f = popen(cmd, "r");
		assert_true(f && fgets(text[i], sizeof text[i], f));
		pclose(f);
		if (!i) nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
	}
	assert_string_equal(text[0], text[1]);
	bx_stop(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_service_goes),
	        cmocka_unit_test(the_box_is_killed),
	        cmocka_unit_test(the_stub_is_terminated),
	        cmocka_unit_test(the_stub_is_killed),
	        cmocka_unit_test(the_stub_is_killed_while_it_removes),
	        cmocka_unit_test(somebody_locks_the_parent_for_ever),
	        cmocka_unit_test(a_new_box_leaves_a_running_one_alone),
	        cmocka_unit_test(interrupts_are_the_services_business),
	        cmocka_unit_test(a_launcher_is_killed),
	        cmocka_unit_test(a_container_that_is_not_reaped),
	        cmocka_unit_test_teardown(a_launcher_that_dies_late, thaw),
	        cmocka_unit_test(a_launcher_that_cannot_start),
	        cmocka_unit_test(sixty_four_slots),
	        cmocka_unit_test(many_runs_leave_nothing),
	        cmocka_unit_test(idle_costs_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
