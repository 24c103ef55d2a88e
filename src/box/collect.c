/* SPDX-License-Identifier: MIT */
/*
 * Between a step and the next, or END, everything that the program has started is dead, and its tree is what it has left: bytes, names, modes, links of its
 * choice. No process with a power looks into it. The launcher makes a second mount of /box, read-only, on which links cannot be followed, nothing is a
 * device and nothing can be executed; and a collector, which is pid 1 and the only process of new pid, mount, ipc, uts and cgroup namespaces:
 *
 *   makes that mount its root, so that there is nothing else to be found → keeps the request, the pipe and no other descriptor → becomes the run's
 *   id without capabilities → reads the request → filter (share/seccomp/collect.rules: seven calls) → says "begun" → walks (walk.c)
 *
 * It is ended as a step is, by the box, by its pidfd: by wall time, by cpu time, by KILL. Its limits are written before it is born and are its own: what the
 * program was allowed, and what it has used of that, is over.
 */
#include "box/collect.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "box/container.h"
#include "box/die.h"
#include "box/pattern.h"
#include "box/sys.h"
#include "box/walk.h"
#include "seccomp_collect.h"

/* Names of directories: 100,000 of ordinary length, or of the greatest. Taken as needed. */
#define NAMES_BYTES (UINT64_C(32) << 20)
/* On top of what is in use in its cgroup, which on v1 is everything that the run has left. Names, buffers, and room that is never needed. */
#define MEMORY_BYTES (NAMES_BYTES + (UINT64_C(32) << 20))
#define OPEN_FILES 64 /* one a directory on the way, and few more */

struct collector {
	const struct sp_mounts *mounts;
	const struct sp_box_collect *limits;
	int view, request, out, ready;
	int feed; /* a socket, of which the launcher has the other end */
	int cpu; /* for sp_cgroup_cpu_fd(), or -1: no cgroup */
	bool single;
};

/* ---- the collector */

enum { REQUEST, OUT, READY, CPU, DESCRIPTORS };

/* What it needs goes to the lowest numbers, the rest is closed: the launcher's, and the box's 0 to 2. */
static void keep_descriptors(const struct collector *c)
{
	const int from[DESCRIPTORS] = {c->request, c->out, c->ready, c->cpu};

	/* Those of the launcher are above 2, and of the three none is 3 any more when the last one goes there. */
	for (int i = 0; i < DESCRIPTORS; i++)
		if (from[i] >= 0 && from[i] != i && dup2(from[i], i) < 0)
			sp_die(SP_BOX_E_SETUP, errno, "moving the collector's descriptors");
	sp_die_to(sp_container_note_sink, READY, false);
	if (sp_sys_close_range(c->cpu < 0 ? CPU : DESCRIPTORS, ~0U, 0) < 0) sp_die(SP_BOX_E_SETUP, errno, "close_range");
}

static void set_limits(const struct collector *c)
{
	if (sp_container_limit(RLIMIT_NOFILE, OPEN_FILES) < 0 || sp_container_limit(RLIMIT_FSIZE, 0) < 0 ||
	        /* a backstop, as for a step: see container.c */
	        sp_container_limit(RLIMIT_CPU, c->limits->cpu_ns / SP_NS_PER_S + (c->cpu < 0 ? 1 : 5)) < 0)
		sp_die(SP_BOX_E_SETUP, errno, "setting the collector's resource limits");
}

static void read_request(struct sp_patterns *patterns)
{
	uint64_t size;
	unsigned which;

	if (sp_box_check_sealed(REQUEST, SP_BOX_REQUEST_BYTES_MAX, &size) < 0)
		sp_die(SP_BOX_E_REQUEST, 0, "the request is not a sealed memfd");
	const void *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, REQUEST, 0);
	if (bytes == MAP_FAILED) sp_die(SP_BOX_E_SETUP, errno, "mapping the request");
	const char *fault = sp_patterns_parse(patterns, bytes, size, &which);
	if (fault && which) sp_die(SP_BOX_E_REQUEST, 0, "pattern %u %s", which, fault);
	if (fault) sp_die(SP_BOX_E_REQUEST, 0, "%s", fault);
}

static void collector(const void *arg)
{
	static struct sp_patterns patterns;
	const struct collector *c = arg;
	struct sp_walk w = {.patterns = &patterns, .limits = *c->limits, .out = OUT, .size = NAMES_BYTES};
	struct sp_note note = {.kind = SP_NOTE_READY};
	struct sock_fprog filter = {.len = SP_COUNT(sp_seccomp_collect), .filter = (struct sock_filter *)(uintptr_t)sp_seccomp_collect};
	const char *what;

	sp_die_to(sp_container_note_sink, c->ready, false);
	sp_container_die_first(c->mounts);
	if (unshare(CLONE_NEWCGROUP) < 0) sp_die(SP_BOX_E_SETUP, errno, "making a cgroup namespace");
	sp_container_leave_mounts(c->mounts, c->feed);
	if (sp_mounts_enter_view(c->view, &what) < 0) sp_die(SP_BOX_E_SETUP, errno, "%s", what);
	keep_descriptors(c);
	set_limits(c);
	sp_container_become(SP_RUN_UID, !c->single, "collector");
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);

	read_request(&patterns);
	/* As the run's id: what the program has closed to itself stays closed. */
	w.root = open("/", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (w.root < 0 && errno != EACCES) sp_die(SP_BOX_E_SETUP, errno, "opening the run's files");
	w.memory = mmap(NULL, w.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (w.memory == MAP_FAILED) sp_die(SP_BOX_E_SETUP, errno, "making room for names");
	if (c->cpu >= 0) note.cpu = sp_cgroup_cpu_fd(CPU);
	note.at_ns = sp_mono_ns();
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) < 0)
		sp_die(SP_BOX_E_SETUP, errno, "installing the collector's filter");
	if (write(READY, &note, sizeof note) != sizeof note) _exit(1);
	close(READY);
	_exit(sp_walk_run(&w) == 0 ? 0 : 1);
}

/* ---- the launcher */

/* What is left of the program's memory is the program's; the collector gets its own on top. v1: the launcher, the collector, and the two of a container that may wait. */
static int limit(struct sp_slot *s, struct sp_run *st)
{
	st->base = sp_cgroup_usage(st->cg);
	if (sp_cgroup_set_memory(st->cg, st->base + MEMORY_BYTES) < 0 || sp_cgroup_set_pids(st->cg, s->cgroups.version == 2 ? 1 : 4) < 0 ||
	        sp_cgroup_reset_peak(st->cg) < 0)
		return -1;
	sp_cgroup_read_counts(st->cg, &st->before);
	return 0;
}

static bool run(struct sp_slot *s, struct sp_run *st, const struct sp_box_collect *b, int request)
{
	static const struct sp_box_error silent = {SP_BOX_E_SETUP, 0, "the collector was killed before it began"};
	const char *what = "making the collector's cgroup";
	int ready[2], feed[2];

	/* The limit first: on v1 everything after it needs memory of the slot's, which the program may have left full. */
	bool fine = sp_cgroup_make(&s->cgroups, &st->c.cg) == 0;
	st->cg = s->cgroups.version == 2 ? &st->c.cg : &s->cgroups.kept;
	fine = fine && limit(s, st) == 0;
	sp_autoclose int view = fine ? sp_mounts_tree_view(&what) : -1;
	if (view < 0) {
		sp_slot_refuse(s, SP_BOX_E_SETUP, errno, "%s", what);
		return false;
	}
	if (pipe2(st->out, O_CLOEXEC) < 0 || pipe2(ready, O_CLOEXEC) < 0) {
		sp_slot_refuse(s, SP_BOX_E_SETUP, errno, "making the pipes");
		return false;
	}
	sp_autoclose int begun = ready[1];
	st->c.ready = ready[0];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, feed) < 0) {
		sp_slot_refuse(s, SP_BOX_E_SETUP, errno, "making the feed");
		return false;
	}
	sp_autoclose int other = feed[1];
	st->c.feed = feed[0];
	struct collector c = {.mounts = &s->mounts,
	        .limits = b,
	        .view = view,
	        .request = request,
	        .out = st->out[1],
	        .ready = begun,
	        .feed = other,
	        .cpu = st->cg->cpu,
	        .single = s->l->single};
	if (sp_slot_clone(&st->c, collector, &c) < 0) {
		sp_slot_refuse(s, SP_BOX_E_SETUP, errno, "making the collector");
		return false;
	}
	close(sp_steal_fd(&begun));
	close(sp_steal_fd(&st->out[1]));
	if (!sp_run_await(s, st, &silent)) return false;
	sp_run_announce(s, st);
	/* Or a service that has enough and closes it would be waited for, until the wall time is over. */
	close(sp_steal_fd(&st->out[0]));
	sp_run_finish(s, st);
	return true;
}

void sp_slot_collect(struct sp_slot *s, const struct sp_box_collect *b, int request)
{
	struct sp_run st = SP_RUN_NONE;

	if (!s->open || !s->stepped || s->spoiled) {
		sp_slot_refuse(s, SP_BOX_E_REQUEST, 0, "%s",
		        s->spoiled ? "COLLECT after a refused request: END is due" : "COLLECT without a STEP that has ended");
		return;
	}
	s->spoiled = !run(s, &st, b, request);
	sp_run_forget(s, &st);
}
