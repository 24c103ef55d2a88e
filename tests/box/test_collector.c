/* SPDX-License-Identifier: MIT */
/* The collector as a process: what it has, how it is ended, and that a slot is none the worse for it. What it finds: test_collect.c. */
#include "collect_kit.h"

#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/uio.h>

/* More than a pipe holds: a collector whose pipe nobody reads waits. */
#define BIG "head -c 4000000 /dev/zero > big"

static bool try_text(pid_t pid, const char *file, char *out, size_t size)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, out, size - 1);
	if (fd >= 0) close(fd);
	out[n > 0 ? n : 0] = 0;
	return n >= 0;
}

static void read_text(pid_t pid, const char *file, char *out, size_t size)
{
	BX_CHECK_MSG(try_text(pid, file, out, size), "%s of process %d", file, (int)pid);
}

static long status_field(pid_t pid, const char *name, int base)
{
	char text[8192];
	read_text(pid, "status", text, sizeof text);
	char *at = strstr(text, name);
	BX_CHECK_MSG(at, "no %s", name);
	return strtol(at + strlen(name), NULL, base);
}

/* The first process below pid, on any level, that has a filter and is the first of its pid namespace. 0: there is none. Others may end meanwhile. */
static pid_t find_collector(pid_t pid)
{
	char children[4096], status[8192], path[64], *save = NULL;
	snprintf(path, sizeof path, "task/%d/children", (int)pid);
	if (!try_text(pid, path, children, sizeof children)) return 0;
	for (char *w = strtok_r(children, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
		pid_t child = atoi(w);
		if (!try_text(child, "status", status, sizeof status)) continue;
		const char *ids = strstr(status, "\nNSpid:"), *end = ids ? strchr(ids + 1, '\n') : NULL;
		if (end && end - ids > 2 && memcmp(end - 2, "\t1", 2) == 0 && strstr(status, "\nSeccomp:\t2")) return child;
		pid_t found = find_collector(child);
		if (found) return found;
	}
	return 0;
}

static pid_t parent_of(pid_t pid) { return (pid_t)status_field(pid, "\nPPid:", 10); }

static void link_of(pid_t pid, const char *what, char out[128])
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, what);
	ssize_t n = readlink(path, out, 127);
	BX_CHECK_MSG(n > 0, "%s", path);
	out[n] = 0;
}

static bool same_namespace(pid_t a, pid_t b, const char *name)
{
	char of_a[128], of_b[128], what[32];
	snprintf(what, sizeof what, "ns/%s", name);
	link_of(a, what, of_a);
	link_of(b, what, of_b);
	return strcmp(of_a, of_b) == 0;
}

/* A number in a file of the group of a controller that the process is in; "max" and the like are 0. */
static uint64_t of_cgroup(pid_t pid, const char *controller, const char *file)
{
	char text[4096], path[4400], *save = NULL;
	bool v2 = box.ready.cgroup_version == 2;
	read_text(pid, "cgroup", text, sizeof text);
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *list = strchr(line, ':'), *dir = list ? strchr(list + 1, ':') : NULL;
		if (!dir) continue;
		*dir++ = 0;
		if (v2 ? strcmp(list, ":") != 0 : strcmp(list + 1, controller) != 0) continue;
		snprintf(path, sizeof path, "/sys/fs/cgroup/%s%s/%s", v2 ? "" : controller, dir, file);
		FILE *f = fopen(path, "re");
		BX_CHECK_MSG(f, "%s", path);
		unsigned long long n = 0;
		if (fscanf(f, "%llu", &n) != 1) n = 0;
		fclose(f);
		return n;
	}
	bx_fail(__FILE__, __LINE__, "the process is in no group of %s", controller);
}

/* Starts one that waits for us to read; returns the pipe. */
static int waiting(const struct ask *a, pid_t *pid)
{
	send_collect(a);
	int pipe = started();
	struct pollfd p = {.fd = pipe, .events = POLLIN};
	BX_CHECK(poll(&p, 1, BX_WAIT_MS) == 1);
	*pid = find_collector(bx_child_of(box.stub));
	BX_CHECK(*pid > 0);
	return pipe;
}

static const struct ask all = {.patterns = {"**"}};

static void it_has_nothing(void **state)
{
	static const char *const sets[] = {"\nCapInh:", "\nCapPrm:", "\nCapEff:", "\nCapBnd:", "\nCapAmb:"};
	char text[8192], target[128];
	pid_t pid;

	BEGIN(BIG);
	int pipe = waiting(&all, &pid);
	pid_t launcher = parent_of(pid);

	for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) assert_int_equal(status_field(pid, sets[i], 16), 0);
	assert_int_equal(status_field(pid, "\nNoNewPrivs:", 10), 1);
	assert_int_equal(status_field(pid, "\nThreads:", 10), 1);
	read_text(pid, "status", text, sizeof text);
	long uid = status_field(pid, "\nUid:", 10), gid = status_field(pid, "\nGid:", 10);
	char ids[128];
	snprintf(ids, sizeof ids, "\nUid:\t%ld\t%ld\t%ld\t%ld\n", uid, uid, uid, uid);
	assert_non_null(strstr(text, ids));
	snprintf(ids, sizeof ids, "\nGid:\t%ld\t%ld\t%ld\t%ld\n", gid, gid, gid, gid);
	assert_non_null(strstr(text, ids));
	/* the run's id, which is the owner of what it has left; and where ids are the slot's own, not the launcher's */
	if (box.ready.enforced & SP_BOX_ENF_IDS) {
		assert_int_equal(uid, status_field(launcher, "\nUid:", 10) + 2);
		assert_non_null(strstr(text, "\nGroups:\t \n"));
	}
	/* the only process of its pid namespace */
	snprintf(target, sizeof target, "task/%d/children", (int)pid);
	read_text(pid, target, text, sizeof text);
	assert_string_equal(text, "");
	for (const char *const *ns = (const char *const[]){"pid", "mnt", "ipc", "uts", "cgroup", NULL}; *ns; ns++)
		assert_false(same_namespace(pid, launcher, *ns));
	for (const char *const *ns = (const char *const[]){"user", "net", NULL}; *ns; ns++) assert_true(same_namespace(pid, launcher, *ns));
	read_text(pid, "oom_score_adj", text, sizeof text);
	assert_string_equal(text, "1000\n");

	/* one mount, and nothing to do with it but to read */
	read_text(pid, "mountinfo", text, sizeof text);
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
	assert_non_null(strstr(text, " /box / ro,nosuid,nodev,noexec,"));
	assert_non_null(strstr(text, ",nosymfollow"));
	assert_non_null(strstr(text, " - tmpfs tree "));

	/* the request, the pipe, perhaps the cgroup's clock, the directory and the file at hand */
	snprintf(target, sizeof target, "/proc/%d/fd", (int)pid);
	DIR *d = opendir(target);
	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));) {
		if (e->d_name[0] == '.') continue;
		char what[300];
		snprintf(what, sizeof what, "fd/%s", e->d_name);
		link_of(pid, what, target);
		int fd = atoi(e->d_name);
		const char *wanted = fd == 0 ? "/memfd:" : fd == 1 ? "pipe:[" : fd == 3 && box.ready.cgroup_version ? "cpu" : NULL;
		if (wanted)
			assert_non_null(strstr(target, wanted));
		else
			assert_true(strcmp(target, "/") == 0 || strcmp(target, "/big") == 0);
	}
	closedir(d);
	read_text(pid, "limits", text, sizeof text);
	assert_non_null(strstr(text, "Max open files            64                   64 "));
	assert_non_null(strstr(text, "Max file size             0                    0 "));
	if (bx_enforces(&box, SP_BOX_ENF_MEMORY)) {
		bool v2 = box.ready.cgroup_version == 2;
		uint64_t usage = of_cgroup(pid, "memory", v2 ? "memory.current" : "memory.usage_in_bytes");
		assert_in_range(of_cgroup(pid, "memory", v2 ? "memory.max" : "memory.limit_in_bytes"), usage + 56 * MIB, usage + 66 * MIB);
		assert_in_range(of_cgroup(pid, "pids", "pids.max"), 1, v2 ? 1 : 4);
	}

	/* and meanwhile the other slot works */
	works(box.slot[1]);
	read_records(&all, pipe);
	take_done();
	assert_int_equal(find("big")->len, 4000000);
	assert_true(got.ended && got.done.code == 0);
	end_clean();
}

/* Whoever could make it do something else would have seven calls, of which none makes, changes or executes anything; all else ends it. */
static void it_is_ended_by_other_calls(void **state)
{
	pid_t pid;
	BEGIN(BIG);
	int pipe = waiting(&all, &pid);
	/* Its reads go on from where we are; a page that it returns to is made to be "getpid": mov $39, %eax; syscall. Root may write there; it may not. */
	char line[512], path[64];
	unsigned long pc = 0;
	read_text(pid, "syscall", line, sizeof line);
	BX_CHECK(sscanf(line, "1 %*s %*s %*s %*s %*s %*s %*s %lx", &pc) == 1); /* in write(2) */
	snprintf(path, sizeof path, "/proc/%d/mem", (int)pid);
	int mem = open(path, O_WRONLY | O_CLOEXEC);
	BX_CHECK(mem >= 0);
	BX_CHECK(pwrite(mem, "\xb8\x27\0\0\0\x0f\x05", 7, (off_t)pc) == 7);
	close(mem);
	read_records(&all, pipe);
	take_done();
	assert_false(got.ended);
	assert_int_equal(got.done.ended, SP_BOX_SIGNALED);
	assert_int_equal(got.done.code, SIGSYS);
	assert_int_equal(got.done.killed_by, SP_BOX_KILLED_NOT);
	STEP("[ $(stat -c %s big) = 4000000 ]");
	COLLECT("big");
	end_clean();
}

static void killed(enum sp_box_killer by)
{
	take_done();
	assert_int_equal(got.done.ended, SP_BOX_SIGNALED);
	assert_int_equal(got.done.code, SIGKILL);
	assert_int_equal(got.done.killed_by, by);
}

static void killed_by_the_service(void **state)
{
	pid_t pid;
	BEGIN(BIG);
	int pipe = waiting(&all, &pid);
	bx_send(slot, SP_BOX_KILL, NULL, NULL, 0);
	killed(SP_BOX_KILLED_SERVICE);
	/* a part of the file is in the pipe: it is told that it is not whole */
	read_records(&all, pipe);
	assert_false(got.ended || find("big")->whole);
	assert_int_equal(kill(pid, 0), -1);
	/* before it has begun, too */
	send_collect(&all);
	bx_send(slot, SP_BOX_KILL, NULL, NULL, 0);
	close(started());
	killed(SP_BOX_KILLED_SERVICE);
	bx_send(slot, SP_BOX_KILL, NULL, NULL, 0); /* ignored: nothing runs */
	COLLECT("big");
	assert_true(find("big")->whole);
	end_clean();
}

static void wall_limit(void **state)
{
	struct ask a = {.patterns = {"**"}, .limits.wall_ns = (uint64_t)bx_slow() * 100 * MS};
	pid_t pid;
	BEGIN(BIG);
	int pipe = waiting(&a, &pid);
	killed(SP_BOX_KILLED_WALL);
	assert_true(got.done.wall_ns >= a.limits.wall_ns);
	read_records(&a, pipe);
	assert_false(got.ended);
	STEP("rm big");
	end_clean();
	works(slot);
}

/* Patterns that take long, on names that make them. */
static void cpu_limit(void **state)
{
	struct ask a = {.limits.cpu_ns = 100 * MS, .limits.wall_ns = (uint64_t)bx_slow() * 60000 * MS};
	for (unsigned i = 0; i < SP_BOX_PATTERNS_MAX; i++)
		a.patterns[i] = "*aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab";
	begin_with(BX_PROBE("long-names", "6000"));
	send_collect(&a);
	int pipe = started();
	read_records(&a, pipe);
	bool counted = bx_enforces(&box, SP_BOX_ENF_CPU);
	killed(counted ? SP_BOX_KILLED_CPU : SP_BOX_KILLED_NOT); /* RLIMIT_CPU is the backstop, in whole seconds */
	assert_true(got.done.cpu_ns >= 100 * MS);
	assert_false(got.ended);
	end_clean();
	works(slot);
}

static void nobody_reads(void **state)
{
	pid_t pid;
	BEGIN(BIG);
	int pipe = waiting(&all, &pid);
	close(pipe);
	take_done();
	assert_int_equal(got.done.ended, SP_BOX_EXITED);
	assert_int_equal(got.done.code, 1);
	assert_int_equal(got.done.killed_by, SP_BOX_KILLED_NOT);
	COLLECT("big");
	end_clean();
}

/* What the program has left is charged to its slot still, up to its limit; the collector is not held to that, and slows nobody's end. */
static void after_the_memory_is_full(void **state)
{
	struct bx_run run = BX_PROBE("fill", "/box/full", "40");
	struct bx_result r = {0};
	struct sp_box_msg m;
	int fds[SP_BOX_FDS_MAX];

	/* exactly as much as it may, and then killed for more */
	for (int over = 0; over < 2; over++) {
		if (over && !bx_enforces(&box, SP_BOX_ENF_MEMORY)) break;
		run = over ? BX_PROBE("fill", "/box/full", "200") : BX_PROBE("fill", "/box/full", "40");
		run.begin.tree_bytes = 256 * MIB;
		run.step.file_bytes = 256 * MIB;
		run.step.memory_bytes = 44 * MIB;
		bx_begin(slot, &run);
		bx_expect(slot, SP_BOX_BEGUN, &m, fds);
		bx_step(slot, &run);
		bx_collect(slot, &run, &r);
		if (over)
			assert_int_equal(r.done.flags & SP_BOX_DONE_OOM, SP_BOX_DONE_OOM);
		else
			BX_EXITED(&r, 0);
		bx_free(&r);
		for (int i = 0; i < 3; i++) {
			COLLECT("full");
			assert_true(find("full")->whole);
			assert_in_range(find("full")->len, 30 * MIB, 44 * MIB);
			assert_int_equal(got.done.flags & (SP_BOX_DONE_OOM | SP_BOX_DONE_MEMORY_HIT), 0);
			if (bx_enforces(&box, SP_BOX_ENF_MEMORY)) assert_in_range(got.done.memory_peak, 0, 16 * MIB);
		}
		end_clean();
	}
	/* and the next evaluation's limit and peak are its own */
	run = BX_PROBE("eat", "30");
	run.step.memory_bytes = 44 * MIB;
	bx_run(slot, &run, &r);
	BX_EXITED(&r, 0);
	if (bx_enforces(&box, SP_BOX_ENF_MEMORY)) assert_in_range(r.done.memory_peak, 30 * MIB, 34 * MIB);
	bx_free(&r);
}

/* A step after a collection has its limits and its counts as if there had been none. */
static void it_counts_against_nothing(void **state)
{
	struct bx_run run = BX_PROBE("eat", "30");
	struct bx_result r[2] = {{0}, {0}};
	run.step.memory_bytes = 64 * MIB;
	run.step.processes = 1;
	BEGIN(BIG);
	for (int i = 0; i < 2; i++) {
		struct bx_run probe = run;
		probe.argv = (const char *const[]){"/bin/sh", "-c", "a=; while [ ${#a} -lt 1000000 ]; do a=$a$a....; done", NULL};
		bx_step(slot, &probe);
		bx_collect(slot, &probe, &r[i]);
		BX_EXITED(&r[i], 0);
		for (int k = 0; k < 5; k++) COLLECT("big");
	}
	uint64_t a = r[0].done.memory_peak, b = r[1].done.memory_peak;
	assert_true((a > b ? a - b : b - a) < MIB);
	for (int i = 0; i < 2; i++) bx_free(&r[i]);
	end_clean();
}

static unsigned entries(const char *dir)
{
	unsigned n = 0;
	DIR *d = opendir(dir);
	while (d && readdir(d)) n++;
	if (d) closedir(d);
	return n;
}

static unsigned descriptors(pid_t pid)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
	return entries(path);
}

/* DONE is sent before everything is put away. The answer to what the policy forbids comes from the launcher, after that. */
static void put_away(void)
{
	struct sp_box_msg m = {.u.collect = limits_of(&all)};
	int fds[SP_BOX_FDS_MAX], fd = request_of(&all);
	m.u.collect.files = 0;
	bx_send(slot, SP_BOX_COLLECT, &m, &fd, 1);
	close(fd);
	bx_expect(slot, SP_BOX_ERROR, &m, fds);
}

static void nothing_is_left_of_many(void **state)
{
	pid_t of_box = bx_child_of(box.stub), one;
	char cgroup[4096];
	BEGIN(BIG);
	int first = waiting(&all, &one);
	pid_t launcher = parent_of(one);
	close(first);
	take_done();
	bx_cgroup_path(&box, "memory", cgroup, sizeof cgroup);
	COLLECT("big");
	put_away();
	unsigned a = descriptors(of_box), b = descriptors(launcher), c = entries(cgroup);
	for (int i = 0; i < 60; i++) {
		if (i % 3 == 0) {
			pid_t pid;
			int pipe = waiting(&all, &pid);
			bx_send(slot, SP_BOX_KILL, NULL, NULL, 0);
			killed(SP_BOX_KILLED_SERVICE);
			close(pipe);
		} else {
			COLLECT("big", "nothing");
		}
	}
	put_away();
	assert_int_equal(descriptors(of_box), a);
	assert_int_equal(descriptors(launcher), b);
	assert_int_equal(entries(cgroup), c);
	end_clean();
}

/* ---- requests that are refused */

static void refused(const struct ask *a, uint32_t code, const char *text)
{
	struct sp_box_msg m;
	int fds[SP_BOX_FDS_MAX];
	send_collect(a);
	bx_expect(slot, SP_BOX_ERROR, &m, fds);
	assert_string_equal(m.u.error.text, text);
	assert_int_equal(m.u.error.code, code);
}

static void end_any(void)
{
	struct bx_result r = {0};
	bx_end(slot, &r);
}

static void out_of_turn(void **state)
{
	struct sp_box_msg m;
	int fds[SP_BOX_FDS_MAX];
	struct bx_run run = BX_SH("true");

	refused(&all, SP_BOX_E_REQUEST, "COLLECT without a STEP that has ended");
	bx_begin(slot, &run);
	bx_expect(slot, SP_BOX_BEGUN, &m, fds);
	refused(&all, SP_BOX_E_REQUEST, "COLLECT without a STEP that has ended");
	step_of(run, 0);
	COLLECT("**");
	end_clean();
	refused(&all, SP_BOX_E_REQUEST, "COLLECT without a STEP that has ended");
	/* after a refused step nobody knows what is in the tree */
	run.argv = (const char *const[]){"/no/such/program", NULL};
	bx_begin(slot, &run);
	bx_expect(slot, SP_BOX_BEGUN, &m, fds);
	bx_step(slot, &run);
	bx_expect(slot, SP_BOX_ERROR, &m, fds);
	refused(&all, SP_BOX_E_REQUEST, "COLLECT after a refused request: END is due");
	end_clean();
	/* all at once, in order */
	run = BX_SH("printf x > x");
	bx_begin(slot, &run);
	bx_step(slot, &run);
	send_collect(&all);
	bx_send(slot, SP_BOX_END, NULL, NULL, 0);
	bx_expect(slot, SP_BOX_BEGUN, &m, fds);
	struct bx_result r = {0};
	bx_collect(slot, &run, &r);
	BX_EXITED(&r, 0);
	bx_free(&r);
	read_records(&all, started());
	take_done();
	has("x", "x");
	bx_expect(slot, SP_BOX_ENDED, &m, fds);
	works(slot);
}

static void patterns_that_cannot_be(void **state)
{
	static char longest[1026], deep[67];
	memset(longest, 'p', 1025);
	for (int i = 0; i < 66; i += 2) memcpy(deep + i, "d/", 2);
	deep[65] = 0;
	const struct {
		const char *pattern, *text;
	} cases[] = {{"", "pattern 2 is empty"}, {"/etc/passwd", "pattern 2 is absolute: it must be relative to /box"},
	        {"a//b", "pattern 2 has an empty part"}, {"a/", "pattern 2 has an empty part"},
	        {"../x", "pattern 2 has a part \".\" or \"..\""}, {"a/./b", "pattern 2 has a part \".\" or \"..\""},
	        {"a/..", "pattern 2 has a part \".\" or \"..\""}, {"a**", "pattern 2 has \"**\" in a part with something else"},
	        {"**a/b", "pattern 2 has \"**\" in a part with something else"},
	        {"a\\", "pattern 2 has a \"\\\" with no character after it"},
	        {"a\\/b", "pattern 2 has a \"\\\" with no character after it"}, {longest, "pattern 2 is longer than 1024 bytes"},
	        {deep, "pattern 2 has more than 32 parts"}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		BEGIN("true");
		refused(&(struct ask){.patterns = {"fine", cases[i].pattern}}, SP_BOX_E_REQUEST, cases[i].text);
		/* only END is left */
		bx_step(slot, &BX_SH("true"));
		struct sp_box_msg m;
		int fds[SP_BOX_FDS_MAX];
		bx_expect(slot, SP_BOX_ERROR, &m, fds);
		end_clean();
	}
}

static void request_bytes(const void *p, size_t n, bool sealed, const char *text)
{
	struct sp_box_msg m = {.u.collect = limits_of(&all)};
	int fds[SP_BOX_FDS_MAX], fd = bx_memfd(p, n, sealed);
	BEGIN("true");
	bx_send(slot, SP_BOX_COLLECT, &m, &fd, 1);
	close(fd);
	bx_expect(slot, SP_BOX_ERROR, &m, fds);
	assert_string_equal(m.u.error.text, text);
	assert_int_equal(m.u.error.code, SP_BOX_E_REQUEST);
	end_any();
}

static void requests_that_cannot_be(void **state)
{
	static char large[SP_BOX_REQUEST_BYTES_MAX + 1];
	request_bytes("SPC1\1\0\0\0a", 10, false, "the request is not a sealed memfd of an acceptable size");
	request_bytes("", 0, true, "the request is not a sealed memfd of an acceptable size");
	request_bytes(large, sizeof large, true, "the request is not a sealed memfd of an acceptable size");
	request_bytes(large, sizeof large - 1, true, "the request has no header");
	request_bytes("SPC", 3, true, "the request has no header");
	request_bytes("SPC1\0\0\0\0", 8, true, "the request has no patterns, or more than 64");
	request_bytes("SPC1\101\0\0\0", 8, true, "the request has no patterns, or more than 64");
	request_bytes("SPC1\1\0\0\0", 8, true, "the request ends inside a pattern");
	request_bytes("SPC1\2\0\0\0a\0b", 11, true, "the request ends inside a pattern");
	request_bytes("SPC1\1\0\0\0a\0b", 11, true, "the request has bytes after its last pattern");
}

static void numbers_over_their_bounds(void **state)
{
	const struct sp_box_collect good = limits_of(&all);
	struct {
		struct sp_box_collect c;
		const char *text;
	} cases[12];
	unsigned n = 0;
#define CASE(field, value, says) (cases[n].c = good, cases[n].c.field = (value), cases[n++].text = (says))
	CASE(wall_ns, 0, "wall_ns is 0 or over the policy's wall_max");
	CASE(wall_ns, UINT64_MAX, "wall_ns is 0 or over the policy's wall_max");
	CASE(cpu_ns, 0, "cpu_ns is 0 or over the policy's cpu_max");
	CASE(cpu_ns, UINT64_MAX, "cpu_ns is 0 or over the policy's cpu_max");
	CASE(file_bytes, UINT64_MAX, "file_bytes is over the policy's file_bytes_max");
	CASE(total_bytes, UINT64_MAX, "total_bytes is over the policy's tree_bytes_max");
	CASE(files, 0, "files is 0 or over 4096");
	CASE(files, 4097, "files is 0 or over 4096");
	CASE(depth, 0, "depth is 0 or over 32");
	CASE(depth, 33, "depth is 0 or over 32");
	BEGIN("printf x > x");
	for (unsigned i = 0; i < n; i++) {
		struct sp_box_msg m = {.u.collect = cases[i].c};
		int fds[SP_BOX_FDS_MAX], fd = request_of(&all);
		bx_send(slot, SP_BOX_COLLECT, &m, &fd, 1);
		close(fd);
		bx_expect(slot, SP_BOX_ERROR, &m, fds);
		assert_string_equal(m.u.error.text, cases[i].text);
	}
	COLLECT("x");
	has("x", "x");
	end_clean();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(it_has_nothing),
	        cmocka_unit_test(it_is_ended_by_other_calls),
	        cmocka_unit_test(killed_by_the_service),
	        cmocka_unit_test(wall_limit),
	        cmocka_unit_test(cpu_limit),
	        cmocka_unit_test(nobody_reads),
	        cmocka_unit_test(after_the_memory_is_full),
	        cmocka_unit_test(it_counts_against_nothing),
	        cmocka_unit_test(nothing_is_left_of_many),
	        cmocka_unit_test(out_of_turn),
	        cmocka_unit_test(patterns_that_cannot_be),
	        cmocka_unit_test(requests_that_cannot_be),
	        cmocka_unit_test(numbers_over_their_bounds),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
