/* SPDX-License-Identifier: MIT */
/*
 * The launcher of one slot. It is pid 1 of the slot's pid namespace (its death ends everything below it, in the kernel), root of the slot's user
 * namespace and of nothing else, and sits in the slot's cgroup, so that the containers it makes are in the right place by birth.
 *
 * One thread, blocking calls: nobody else depends on it. It works off one request after the other; while a step runs it waits for the container's
 * init, and the box, which holds a pidfd of that init and the timers, is what ends a step early.
 *
 * Untrusted bytes pass through it only as descriptors: the spec is parsed by the program-to-be, the archive by the container's init.
 */
#include "box/launcher.h"

#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "base/clock.h"
#include "box/container.h"
#include "box/die.h"
#include "box/inner.h"
#include "box/sys.h"
#include "box/wire.h"

/* A slot is clean when its memory is back within this much of its baseline, or is replaced after that time (box-rules.md 13). */
#define SLACK_BYTES (UINT64_C(4) << 20)
#define NEAR_LIMIT_BYTES (64u << 10)
#define SETTLE_NS (100 * SP_NS_PER_MS)

struct state {
	const struct sp_launcher *l;
	struct sp_cgroup cg;
	struct sp_mounts mounts;
	int netdev; /* /proc/self/net/dev of the slot's namespace */
	uint64_t baseline; /* memory in use when the slot was new */
	uint64_t packets; /* through lo, then */
	/* of the evaluation between BEGIN and END */
	bool open, stepped, spoiled; /* spoiled: a step was refused, the tree may be half-filled */
	char root[SP_BOX_NAME_MAX];
	int files;
	uint64_t base; /* memory in use at BEGIN: what limit and peak count from */
};

static void channel_sink(int fd, const struct sp_box_error *e)
{
	struct sp_inner m = {.type = SP_IN_ERROR, .u.error = *e};
	(void)!sp_wire_send(fd, &m, sizeof m, NULL, 0, 0);
}

/* ---- once */

static void write_sysctl(const char *path, const char *value, bool optional)
{
	sp_autoclose int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT && optional) return;
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		sp_die(SP_BOX_E_HOST, errno, "writing %s (is the box's /proc/sys read-only?)", path);
}

/* box-rules.md 9 and 11. The user.* limits are of this user namespace and its descendants, the net.* ones of this network namespace: nothing of the host. */
static void write_sysctls(void)
{
	/* A connection in TIME_WAIT would outlive its run and show and block its port in the next one. */
	write_sysctl("/proc/sys/net/ipv4/tcp_max_tw_buckets", "0", false);
	write_sysctl("/proc/sys/net/ipv4/tcp_no_metrics_save", "1", true);
	write_sysctl("/proc/sys/net/ipv4/tcp_fastopen", "0", true);
	/* What is charged to this namespace is charged to its ancestors too, up to the host's root: one slot may not use up everybody's. */
	write_sysctl("/proc/sys/user/max_inotify_instances", "8", true);
	write_sysctl("/proc/sys/user/max_inotify_watches", "4096", true);
	write_sysctl("/proc/sys/user/max_fanotify_groups", "0", true);
	write_sysctl("/proc/sys/user/max_fanotify_marks", "0", true);
	write_sysctl("/proc/sys/user/max_user_namespaces", "0", false);
	write_sysctl("/proc/sys/user/max_time_namespaces", "0", true);
}

static void raise_loopback(void)
{
	struct ifreq r = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	sp_autoclose int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (s < 0 || ioctl(s, SIOCSIFFLAGS, &r) < 0)
		sp_die(SP_BOX_E_HOST, errno, "bringing up the loopback interface of a new network namespace");
}

/* Packets that went through lo since the namespace was made; UINT64_MAX when it cannot be read, which counts as "moved". */
static uint64_t loopback_packets(int netdev)
{
	char text[1024];
	unsigned long long packets;
	ssize_t n = pread(netdev, text, sizeof text - 1, 0);
	text[n > 0 ? n : 0] = 0;
	const char *lo = strstr(text, "lo:");
	return lo && sscanf(lo + 3, "%*u %llu", &packets) == 1 ? packets : UINT64_MAX;
}

/* Everything but 0–2, the channel and the cgroup directories belongs to the box or to other slots. */
static void close_foreign(const struct sp_launcher *l)
{
	int keep[1 + SP_CG_COUNT] = {l->channel};
	memcpy(keep + 1, l->cgroups.dir, sizeof l->cgroups.dir);
	for (size_t i = 1; i < SP_COUNT(keep); i++)
		for (size_t j = i; j > 0 && keep[j] < keep[j - 1]; j--) {
			int swap = keep[j];
			keep[j] = keep[j - 1];
			keep[j - 1] = swap;
		}
	unsigned from = 3;
	for (size_t i = 0; i < SP_COUNT(keep); i++) {
		if (keep[i] < 0 || (unsigned)keep[i] < from) continue;
		if ((unsigned)keep[i] > from) sp_sys_close_range(from, (unsigned)keep[i] - 1, 0);
		from = (unsigned)keep[i] + 1;
	}
	sp_sys_close_range(from, ~0U, 0);
}

static void set_up(struct state *s, struct sp_launcher *l)
{
	struct sp_err err;
	struct sp_inner m;
	unsigned nfds;
	const char *what;

	close_foreign(l);
	sp_die_to(channel_sink, l->channel, true);
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (sp_wire_recv(l->channel, &m, sizeof m, NULL, 0, &nfds, 0) < 0 || m.type != SP_IN_GO) _exit(1); /* the box is gone */

	/* With the box's own uid still, which owns the delegated cgroup directory. Entered before anything is made, so that all that this slot ever
	 * allocates is charged to it; this is the one attach in the slot's life. */
	if (l->generation) sp_cgroup_drop(&l->cgroups, l->slot, l->generation - 1);
	if (sp_cgroup_enter(&l->cgroups, l->slot, l->generation, &s->cg, &err) < 0) sp_die(SP_BOX_E_HOST, 0, "%s", err.msg);
	sp_cgroup_close(&l->cgroups);

	/* Safe: root of the slot's user namespace, a child of the box's, which maps three ids of no other slot. Namespaces made here belong to it, and
	 * no power in them reaches an object of the box's namespace or the host's. */
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0) sp_die(SP_BOX_E_HOST, errno, "making a network and a mount namespace");
	if (syscall(SYS_setgroups, 0, NULL) < 0 || syscall(SYS_setresgid, 0, 0, 0) < 0 || syscall(SYS_setresuid, 0, 0, 0) < 0)
		sp_die(SP_BOX_E_HOST, errno, "taking the slot's ids");
	/* A change of uid makes a process non-dumpable, and then its files in /proc belong to the host's root: a program-to-be could not write its
	 * oom_score_adj. Nobody else has this uid, and init and program are non-dumpable again from their own change of uid on. */
	if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0) sp_die(SP_BOX_E_HOST, errno, "PR_SET_DUMPABLE");
	/* The inherited one is the operator's. A kernel without keyrings has nothing to leave. */
	if (sp_sys_join_session_keyring() < 0 && errno != ENOSYS) sp_die(SP_BOX_E_HOST, errno, "joining a new session keyring");

	write_sysctls();
	raise_loopback();
	if (sp_mounts_build(&s->mounts, l->policy, &err) < 0) sp_die(SP_BOX_E_HOST, 0, "%s", err.msg);
	s->netdev = open("/proc/self/net/dev", O_RDONLY | O_CLOEXEC);
	if (s->netdev < 0) sp_die(SP_BOX_E_HOST, errno, "/proc/self/net/dev");
	if (sp_container_prepare(&what) < 0) sp_die(SP_BOX_E_HOST, errno, "%s", what);

	s->packets = loopback_packets(s->netdev);
	s->baseline = sp_cgroup_usage(&s->cg);
	s->files = -1;
	m = (struct sp_inner){.type = SP_IN_UP};
	if (sp_wire_send(l->channel, &m, sizeof m, &s->cg.cpu, 1, 0) < 0) _exit(1);
}

/* ---- each request. An answer that cannot be sent means that the box is gone. */

static void answer(const struct state *s, const struct sp_inner *m, const int *fds, unsigned nfds)
{
	if (sp_wire_send(s->l->channel, m, sizeof *m, fds, nfds, 0) < 0) _exit(1);
}

static void refuse(const struct state *s, enum sp_box_error_code code, int errnum, const char *fmt, ...) SP_PRINTF(4, 5);
static void refuse(const struct state *s, enum sp_box_error_code code, int errnum, const char *fmt, ...)
{
	struct sp_inner m = {.type = SP_IN_ERROR};
	va_list ap;
	va_start(ap, fmt);
	sp_error_set(&m.u.error, code, errnum, fmt, ap);
	va_end(ap);
	answer(s, &m, NULL, 0);
}

static void begin(struct state *s, const struct sp_box_begin *b, int *files)
{
	const char *what;

	if (s->open) {
		refuse(s, SP_BOX_E_REQUEST, 0, "BEGIN before the END of the last");
		return;
	}
	s->base = sp_cgroup_usage(&s->cg);
	if (sp_mounts_tree_open(b->tree_bytes, b->tree_inodes, &what) < 0) {
		int why = errno;
		(void)!sp_mounts_tree_close();
		refuse(s, SP_BOX_E_SETUP, why, "%s", what);
		return;
	}
	s->open = true;
	s->stepped = s->spoiled = false;
	s->files = sp_steal_fd(files);
	memcpy(s->root, b->root, sizeof s->root);
	answer(s, &(struct sp_inner){.type = SP_IN_BEGUN}, NULL, 0);
}

struct step {
	int out[2], err[2], report[2], ready[2], pidfd; /* [0] is the read end */
	pid_t init;
};

static void close_fds(struct step *st)
{
	int *const all[] = {&st->out[0], &st->out[1], &st->err[0], &st->err[1], &st->report[0], &st->report[1], &st->ready[0],
	        &st->ready[1], &st->pidfd};
	for (size_t i = 0; i < SP_COUNT(all); i++)
		if (*all[i] >= 0) close(sp_steal_fd(all[i]));
}

static void close_write_ends(struct step *st)
{
	int *const all[] = {&st->out[1], &st->err[1], &st->report[1], &st->ready[1]};
	for (size_t i = 0; i < SP_COUNT(all); i++)
		if (*all[i] >= 0) close(sp_steal_fd(all[i]));
}

static int make_pipes(struct step *st, bool merge)
{
	if (pipe2(st->out, O_CLOEXEC) < 0 || pipe2(st->report, O_CLOEXEC) < 0 || pipe2(st->ready, O_CLOEXEC) < 0) return -1;
	/* The pipe's inode to the run, or opening /dev/stdout would be refused to it. */
	if (fchown(st->out[1], SP_RUN_UID, SP_RUN_UID) < 0) return -1;
	return merge || (pipe2(st->err, O_CLOEXEC) == 0 && fchown(st->err[1], SP_RUN_UID, SP_RUN_UID) == 0) ? 0 : -1;
}

/* 0, or the answer is sent. */
static int set_limits(struct state *s, const struct sp_box_step *b)
{
	/* The launcher and init count as well; they and what they use are added to what was asked. */
	if (sp_cgroup_set_pids(&s->cg, (uint64_t)b->processes + 2) < 0) {
		refuse(s, SP_BOX_E_SETUP, errno, "setting the process limit");
		return -1;
	}
	if (sp_cgroup_set_memory(&s->cg, b->memory_bytes + s->base) < 0) {
		if (errno == EBUSY)
			refuse(s, SP_BOX_E_FILES, 0, "the files of earlier steps take more than this step's memory limit");
		else
			refuse(s, SP_BOX_E_SETUP, errno, "setting the memory limit");
		return -1;
	}
	if (sp_cgroup_reset_peak(&s->cg) < 0) {
		refuse(s, SP_BOX_E_SETUP, errno, "resetting the memory peak");
		return -1;
	}
	return 0;
}

/* A note if one is waiting; false at end of file or when nothing was written. */
static bool take_note(int fd, struct sp_note *n)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	return poll(&p, 1, 0) == 1 && (p.revents & POLLIN) && read(fd, n, sizeof *n) == sizeof *n;
}

static void wait_for(pid_t pid)
{
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

/* Up to the program's exec. True: it runs (or ran), *ready says since when. False: the reason has been sent. */
static bool await_exec(struct state *s, struct step *st, struct sp_note *ready)
{
	struct sp_note n;

	/* Woken once, by the last write end's closing: at the exec, or when both init and program are gone. */
	struct pollfd p = {.fd = st->ready[0], .events = 0};
	while (poll(&p, 1, -1) < 0 && errno == EINTR)
		;
	bool was_ready = false, failed = false;
	while (!failed && take_note(st->ready[0], &n)) {
		if (n.kind == SP_NOTE_READY) {
			*ready = n;
			was_ready = true;
		} else {
			failed = true;
		}
	}
	if (was_ready && !failed) return true;

	/* Nothing of the run has been executed. The container goes before the answer: a refused step leaves nothing behind. */
	sp_sys_pidfd_kill(st->pidfd);
	wait_for(st->init);
	struct sp_note of_init;
	if (!failed && take_note(st->report[0], &of_init) && of_init.kind == SP_NOTE_FAILED) {
		n = of_init;
		failed = true;
	}
	if (failed) {
		struct sp_inner m = {.type = SP_IN_ERROR, .u.error = n.error};
		answer(s, &m, NULL, 0);
	} else {
		refuse(s, SP_BOX_E_SETUP, 0,
		        "the container was killed before the program began: its files or its set-up took more than the memory limit");
	}
	return false;
}

static void fill_done(struct state *s, const struct sp_cgroup_counts *before, const struct sp_note *ready, bool reported,
        const struct sp_note *end, struct sp_inner_done *d)
{
	struct sp_cgroup_counts after;
	bool blocks = false, inodes = false;
	int64_t end_ns = reported ? end->at_ns : sp_mono_ns();
	uint64_t cpu = sp_cgroup_cpu_fd(s->cg.cpu), peak = sp_cgroup_peak(&s->cg);

	sp_cgroup_read_counts(&s->cg, &after);
	if (sp_mounts_tree_full(&blocks, &inodes) < 0) blocks = inodes = false;
	d->reported = reported;
	d->done.ended = reported && WIFEXITED(end->status) ? SP_BOX_EXITED : SP_BOX_SIGNALED;
	d->done.code = !reported ? SIGKILL : WIFEXITED(end->status) ? WEXITSTATUS(end->status) : WTERMSIG(end->status);
	d->done.cpu_ns = cpu > ready->cpu ? cpu - ready->cpu : 0;
	d->done.wall_ns = end_ns > ready->at_ns ? (uint64_t)(end_ns - ready->at_ns) : 0;
	d->done.memory_peak = peak > s->base ? peak - s->base : 0;
	if (after.oom_kill > before->oom_kill) d->done.flags |= SP_BOX_DONE_OOM;
	/* memory.failcnt stays 0 on some kernels. Whoever is refused a batch of pages asks for fewer, down to one, so a peak this near was at the limit. */
	if (s->cg.limit_now != UINT64_MAX && peak + NEAR_LIMIT_BYTES >= s->cg.limit_now) d->done.flags |= SP_BOX_DONE_MEMORY_HIT;
	if (after.pids_hit > before->pids_hit) d->done.flags |= SP_BOX_DONE_PIDS_HIT;
	if (blocks) d->done.flags |= SP_BOX_DONE_BLOCKS_FULL;
	if (inodes) d->done.flags |= SP_BOX_DONE_INODES_FULL;

	/* At its limit the next page that the launcher itself needs could only be had by killing the launcher. Nothing of the run is alive now. */
	if (d->done.flags & (SP_BOX_DONE_OOM | SP_BOX_DONE_MEMORY_HIT)) (void)!sp_cgroup_set_memory(&s->cg, UINT64_MAX);
}

static void step(struct state *s, const struct sp_box_step *b, const int *fds, unsigned nfds)
{
	struct step st = {{-1, -1}, {-1, -1}, {-1, -1}, {-1, -1}, -1, 0};
	int64_t arrived = sp_mono_ns();
	bool merge = b->flags & SP_BOX_STEP_MERGE;

	if (!s->open || s->spoiled) {
		refuse(s, SP_BOX_E_REQUEST, 0, "%s",
		        s->open ? "STEP after a refused one: END is due" : "STEP without a BEGIN that succeeded");
		return;
	}
	s->spoiled = true;
	if (set_limits(s, b) < 0) return;
	struct sp_cgroup_counts before;
	sp_cgroup_read_counts(&s->cg, &before);
	if (make_pipes(&st, merge) < 0) {
		refuse(s, SP_BOX_E_SETUP, errno, "making the pipes");
		close_fds(&st);
		return;
	}
	struct sp_container c = {.mounts = &s->mounts,
	        .root = s->root,
	        .step = b,
	        .files = s->stepped ? -1 : s->files,
	        .spec = fds[0],
	        .in = nfds > 1 ? fds[1] : -1,
	        .out = st.out[1],
	        .err = merge ? st.out[1] : st.err[1],
	        .report = st.report[1],
	        .ready = st.ready[1],
	        .cpu = s->cg.cpu};

	/* Safe: everything the child can reach with its powers belongs to the slot's user namespace. The cgroup namespace is rooted where we sit, in the
	 * slot's cgroup, so the program sees "/". */
	st.init = sp_sys_clone(CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP, &st.pidfd);
	if (st.init == 0) sp_container_init(&c);
	if (st.init < 0) {
		refuse(s, SP_BOX_E_SETUP, errno, "making the container's namespaces");
		close_fds(&st);
		return;
	}
	close_write_ends(&st);

	struct sp_note ready, end;
	if (!await_exec(s, &st, &ready)) {
		close_fds(&st);
		return;
	}
	s->stepped = true;
	s->spoiled = false;
	struct sp_inner m = {.type = SP_IN_STARTED};
	m.u.started = (struct sp_inner_started){.exec_ns = ready.at_ns, .cpu_base = ready.cpu, .wall_ns = b->wall_ns, .cpu_ns = b->cpu_ns};
	answer(s, &m, (const int[]){st.pidfd, st.out[0], st.err[0]}, merge ? 2 : 3);

	/* Returns when all of the container's pid namespace is dead: the kernel lets an init end last. */
	wait_for(st.init);
	m = (struct sp_inner){.type = SP_IN_DONE};
	m.u.done.done.setup_ns = ready.at_ns > arrived ? (uint64_t)(ready.at_ns - arrived) : 0;
	bool reported = take_note(st.report[0], &end) && end.kind == SP_NOTE_ENDED;
	fill_done(s, &before, &ready, reported, &end, &m.u.done);
	answer(s, &m, NULL, 0);
	close_fds(&st);
}

/* Brings the slot's memory back to where it was: page cache is dropped, what dies in the kernel's background is waited for. */
static bool settle(const struct state *s)
{
	int64_t until = sp_mono_ns() + SETTLE_NS;
	if (sp_cgroup_usage(&s->cg) <= s->baseline + SLACK_BYTES) return true;
	for (;;) {
		sp_cgroup_force_empty(&s->cg);
		if (sp_cgroup_usage(&s->cg) <= s->baseline + SLACK_BYTES) return true;
		if (sp_mono_ns() >= until) return false;
		struct timespec nap = {.tv_nsec = 2000000};
		nanosleep(&nap, NULL);
	}
}

static void end(struct state *s)
{
	struct sp_inner m = {.type = SP_IN_ENDED};
	int64_t from = sp_mono_ns();
	const char *dirty = NULL;

	if (s->open) {
		if (s->files >= 0) close(sp_steal_fd(&s->files));
		/* Unmounted, never deleted: no privileged process walks what a run has written. */
		if (sp_mounts_tree_close() < 0) dirty = "the run's tree cannot be unmounted";
		s->open = false;
	}
	/* Counters, metrics and caches of a network namespace cannot be reset (box-rules.md 9). */
	if (!dirty && loopback_packets(s->netdev) != s->packets) dirty = "the run used the loopback interface";
	if (!dirty && !settle(s)) dirty = "memory of the run is still in use";
	if (dirty) {
		m.u.ended.dirty = 1;
		snprintf(m.u.ended.reason, sizeof m.u.ended.reason, "%s", dirty);
	}
	m.u.ended.teardown_ns = (uint64_t)(sp_mono_ns() - from);
	answer(s, &m, NULL, 0);
}

void sp_launcher_main(struct sp_launcher *l)
{
	static struct state s;
	struct sp_inner m;
	int fds[2];
	unsigned nfds;

	s.l = l;
	set_up(&s, l);
	for (;;) {
		if (sp_wire_recv(l->channel, &m, sizeof m, fds, 2, &nfds, 0) < 0) _exit(0); /* the box ended, or it ends this slot */
		if (m.type == SP_IN_BEGIN) {
			int files = nfds ? fds[0] : -1;
			nfds = 0;
			begin(&s, &m.u.begin, &files);
			if (files >= 0) close(files);
		} else if (m.type == SP_IN_STEP) {
			step(&s, &m.u.step, fds, nfds);
		} else if (m.type == SP_IN_END) {
			end(&s);
		} else {
			m.type = SP_IN_ERROR; /* REFUSE: the error comes back in its place among the answers */
			answer(&s, &m, NULL, 0);
		}
		while (nfds) close(fds[--nfds]);
	}
}
