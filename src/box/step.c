/* SPDX-License-Identifier: MIT */
/*
 * A step needs a container, and nearly all that a container costs does not depend on the request: namespaces, proc and its masks, the binds, the pivot,
 * two processes and their way down to no powers, the filter. So it is prepared as soon as the slot is free, up to the point where the program-to-be waits
 * for an order; a step then sends the order. An evaluation's second step gets one made on the spot, by the same code.
 *
 * A prepared container has seen no byte of any request, and takes exactly one order.
 */
#include "box/step.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "box/container.h"
#include "box/die.h"
#include "box/sys.h"
#include "box/wire.h"

#define NEAR_LIMIT_BYTES (64u << 10)

void sp_slot_answer(const struct sp_slot *s, const struct sp_inner *m, const int *fds, unsigned nfds)
{
	if (sp_wire_send(s->l->channel, m, sizeof *m, fds, nfds, 0) < 0) _exit(1);
}

void sp_slot_refuse(const struct sp_slot *s, enum sp_box_error_code code, int errnum, const char *fmt, ...)
{
	struct sp_inner m = {.type = SP_IN_ERROR};
	va_list ap;
	va_start(ap, fmt);
	sp_error_set(&m.u.error, code, errnum, fmt, ap);
	va_end(ap);
	sp_slot_answer(s, &m, NULL, 0);
}

static void close_fd(int *fd)
{
	if (*fd >= 0) close(sp_steal_fd(fd));
}

static struct sp_cgroup *cgroup_of(struct sp_slot *s, struct sp_prepared *p) { return s->cgroups.version == 2 ? &p->cg : &s->cgroups.kept; }

/* ---- prepared containers */

/* The feed holds a reference to the container's mount namespace (container.c), which is what takes the time here. */
static void forget(struct sp_slot *s, struct sp_prepared *p)
{
	if (sp_cgroup_unmake(&s->cgroups, &p->cg) < 0) s->littered = true;
	close_fd(&p->pidfd);
	close_fd(&p->feed);
	close_fd(&p->report);
	close_fd(&p->ready);
	p->init = 0;
}

static int wait_for(pid_t pid, struct rusage *used)
{
	int status = 0;
	while (wait4(pid, &status, 0, used) < 0 && errno == EINTR)
		;
	return status;
}

static void discard(struct sp_slot *s, struct sp_prepared *p)
{
	if (!p->init) return;
	sp_sys_pidfd_kill(p->pidfd);
	wait_for(p->init, NULL);
	forget(s, p);
}

int sp_slot_clone(struct sp_prepared *p, void (*child)(const void *), const void *arg)
{
	/* Safe: everything the child can reach with its powers belongs to the slot's user namespace. It is in its cgroup from its first instruction on, so
	 * nothing of a container, init's own work included, is ever charged to the launcher's. */
	pid_t pid = sp_sys_clone(CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS, &p->pidfd, p->cg.dir);
	if (pid < 0) return -1;
	if (pid == 0) {
		child(arg);
		_exit(1);
	}
	p->init = pid;
	return 0;
}

struct container {
	struct sp_container c;
	int other; /* the launcher's end of the feed: or the end of file that says that it has no use for this container would never come */
};

static void container_main(const void *arg)
{
	const struct container *k = arg;
	close(k->other);
	sp_container_init(&k->c);
}

/* 0, or -1 with errno; then nothing is left of it. */
static int prepare(struct sp_slot *s, struct sp_prepared *p)
{
	int feed[2] = {-1, -1}, report[2] = {-1, -1}, ready[2] = {-1, -1};
	int *const all[] = {&feed[0], &feed[1], &report[0], &report[1], &ready[0], &ready[1]};

	*p = SP_PREPARED_NONE;
	memcpy(p->root, s->root, sizeof p->root);
	bool born = false;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, feed) == 0 && pipe2(report, O_CLOEXEC) == 0 &&
	        pipe2(ready, O_CLOEXEC) == 0 && sp_cgroup_make(&s->cgroups, &p->cg) == 0) {
		struct container k = {.c = {.mounts = &s->mounts,
		                              .root = p->root,
		                              .feed = feed[1],
		                              .report = report[1],
		                              .ready = ready[1],
		                              .cpu = cgroup_of(s, p)->cpu,
		                              .single = s->l->single},
		        .other = feed[0]};
		born = sp_slot_clone(p, container_main, &k) == 0;
	}
	int why = errno;
	if (born) {
		p->feed = sp_steal_fd(&feed[0]);
		p->report = sp_steal_fd(&report[0]);
		p->ready = sp_steal_fd(&ready[0]);
	}
	for (size_t i = 0; i < SP_COUNT(all); i++) close_fd(all[i]);
	if (!born) sp_cgroup_unmake(&s->cgroups, &p->cg);
	errno = why;
	return born ? 0 : -1;
}

void sp_slot_prepare(struct sp_slot *s)
{
	if (s->ready.init && strcmp(s->ready.root, s->root) == 0) return;
	discard(s, &s->ready);
	if (prepare(s, &s->ready) < 0) forget(s, &s->ready); /* the step tries again, and has somebody to tell */
}

/* ---- whatever runs: a step, or the collector */

/* A note if one is waiting; false at end of file or when nothing was written. */
static bool take_note(int fd, struct sp_note *n)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	return poll(&p, 1, 0) == 1 && (p.revents & POLLIN) && read(fd, n, sizeof *n) == sizeof *n;
}

bool sp_run_await(struct sp_slot *s, struct sp_run *st, const struct sp_box_error *silent)
{
	struct sp_prepared *c = &st->c;
	struct sp_note n;

	/* Woken once, by the last write end's closing: at the exec, or when both init and program are gone. */
	struct pollfd p = {.fd = c->ready, .events = 0};
	while (poll(&p, 1, -1) < 0 && errno == EINTR)
		;
	bool was_ready = false, failed = false;
	while (!failed && take_note(c->ready, &n)) {
		if (n.kind == SP_NOTE_READY) {
			st->ready = n;
			was_ready = true;
		} else {
			failed = true;
		}
	}
	if (was_ready && !failed) return true;

	/* Nothing of the run has been executed. The container goes before the answer: a refused step leaves nothing behind. */
	sp_sys_pidfd_kill(c->pidfd);
	wait_for(c->init, NULL);
	struct sp_note of_init;
	if (!failed && take_note(c->report, &of_init) && of_init.kind == SP_NOTE_FAILED) {
		n = of_init;
		failed = true;
	}
	if (failed) {
		struct sp_inner m = {.type = SP_IN_ERROR, .u.error = n.error};
		sp_slot_answer(s, &m, NULL, 0);
	} else {
		sp_slot_refuse(s, (enum sp_box_error_code)silent->code, silent->errnum, "%s", silent->text);
	}
	return false;
}

void sp_run_announce(struct sp_slot *s, struct sp_run *st)
{
	struct sp_inner m = {.type = SP_IN_STARTED};
	int pass[4];
	unsigned n = 0;

	m.u.started = (struct sp_inner_started){.exec_ns = st->ready.at_ns, .cpu_base = st->ready.cpu, .has_cpu = st->cg->cpu >= 0};
	pass[n++] = st->c.pidfd;
	if (m.u.started.has_cpu) pass[n++] = st->cg->cpu;
	pass[n++] = st->out[0];
	if (st->err[0] >= 0) pass[n++] = st->err[0];
	sp_slot_answer(s, &m, pass, n);
}

static uint64_t timeval_ns(const struct timeval *t) { return (uint64_t)t->tv_sec * 1000000000 + (uint64_t)t->tv_usec * 1000; }

static void fill_done(struct sp_run *st, const struct sp_note *end, const struct rusage *used, struct sp_inner_done *d)
{
	const struct sp_cgroup_counts *before = &st->before;
	struct sp_cgroup_counts after;
	bool blocks = false, inodes = false, reported = end != NULL;
	int64_t end_ns = reported ? end->at_ns : sp_mono_ns();
	uint64_t cpu = sp_cgroup_cpu_fd(st->cg->cpu), peak = sp_cgroup_peak(st->cg);

	if (st->cg->cpu < 0) /* no cgroup: of what init has waited for, and of the largest single process */
		cpu = timeval_ns(&used->ru_utime) + timeval_ns(&used->ru_stime), peak = (uint64_t)used->ru_maxrss << 10;
	sp_cgroup_read_counts(st->cg, &after);
	if (sp_mounts_tree_full(&blocks, &inodes) < 0) blocks = inodes = false;
	d->reported = reported;
	d->done.ended = reported && WIFEXITED(end->status) ? SP_BOX_EXITED : SP_BOX_SIGNALED;
	d->done.code = !reported ? SIGKILL : WIFEXITED(end->status) ? WEXITSTATUS(end->status) : WTERMSIG(end->status);
	d->done.cpu_ns = cpu > st->ready.cpu ? cpu - st->ready.cpu : 0;
	d->done.wall_ns = end_ns > st->ready.at_ns ? (uint64_t)(end_ns - st->ready.at_ns) : 0;
	d->done.memory_peak = (peak > st->base ? peak - st->base : 0) + st->carried;
	if (after.oom_kill > before->oom_kill) d->done.flags |= SP_BOX_DONE_OOM;
	/* memory.failcnt stays 0 on some kernels. Whoever is refused a batch of pages asks for fewer, down to one, so a peak this near was at the limit. */
	if (after.limit_hit > before->limit_hit || (st->cg->limit_now != UINT64_MAX && peak + NEAR_LIMIT_BYTES >= st->cg->limit_now))
		d->done.flags |= SP_BOX_DONE_MEMORY_HIT;
	if (after.pids_hit > before->pids_hit) d->done.flags |= SP_BOX_DONE_PIDS_HIT;
	if (blocks) d->done.flags |= SP_BOX_DONE_BLOCKS_FULL;
	if (inodes) d->done.flags |= SP_BOX_DONE_INODES_FULL;

	/* v1: at the limit the next page that the launcher itself needs could only be had by killing the launcher. Nothing of the run is alive now. */
	if (d->done.flags & (SP_BOX_DONE_OOM | SP_BOX_DONE_MEMORY_HIT)) (void)!sp_cgroup_set_memory(st->cg, UINT64_MAX);
}

void sp_run_finish(struct sp_slot *s, struct sp_run *st)
{
	struct sp_inner m = {.type = SP_IN_DONE};
	struct sp_note end;
	struct rusage used = {0};

	/* Returns when all of the container's pid namespace is dead: the kernel lets an init end last. */
	int status = wait_for(st->c.init, &used);
	bool reported = true;
	if (st->c.report >= 0)
		reported = take_note(st->c.report, &end) && end.kind == SP_NOTE_ENDED;
	else /* it is a main process itself */
		end = (struct sp_note){.kind = SP_NOTE_ENDED, .status = status, .at_ns = sp_mono_ns()};
	m.u.done.done.setup_ns = st->ready.at_ns > st->arrived ? (uint64_t)(st->ready.at_ns - st->arrived) : 0;
	fill_done(st, reported ? &end : NULL, &used, &m.u.done);
	if (st->c.report < 0) m.u.done.reported = WIFEXITED(status);
	sp_slot_answer(s, &m, NULL, 0);
}

void sp_run_forget(struct sp_slot *s, struct sp_run *st)
{
	forget(s, &st->c);
	close_fd(&st->out[0]);
	close_fd(&st->out[1]);
	close_fd(&st->err[0]);
	close_fd(&st->err[1]);
}

/* ---- a step */

/* The waiting container, or a new one when there is none. -1 with errno. */
static int take_container(struct sp_slot *s, struct sp_run *st)
{
	int rc = 0;
	if (s->ready.init) {
		st->c = s->ready;
		s->ready = SP_PREPARED_NONE;
	} else {
		rc = prepare(s, &st->c);
	}
	st->cg = cgroup_of(s, &st->c);
	return rc;
}

static int make_pipes(struct sp_run *st, bool merge)
{
	if (pipe2(st->out, O_CLOEXEC) < 0) return -1;
	/* The pipe's inode to the run, or opening /dev/stdout would be refused to it. */
	if (fchown(st->out[1], SP_RUN_UID, SP_RUN_UID) < 0) return -1;
	return merge || (pipe2(st->err, O_CLOEXEC) == 0 && fchown(st->err[1], SP_RUN_UID, SP_RUN_UID) == 0) ? 0 : -1;
}

static int limit_memory(struct sp_cgroup *cg, uint64_t bytes, const struct sp_run *st)
{
	if (bytes <= st->carried) {
		errno = EBUSY;
		return -1;
	}
	return sp_cgroup_set_memory(cg, bytes - st->carried + st->base);
}

/* 0, or the answer is sent. */
static int set_limits(struct sp_slot *s, struct sp_run *st, const struct sp_box_step *b)
{
	/* Init counts as well, and on v1 the launcher; they and what they use are added to what was asked. */
	if (sp_cgroup_set_pids(st->cg, (uint64_t)b->processes + (s->cgroups.version == 2 ? 1 : 2)) < 0) {
		sp_slot_refuse(s, SP_BOX_E_SETUP, errno, "setting the process limit");
		return -1;
	}
	if (limit_memory(st->cg, b->memory_bytes, st) < 0) {
		if (errno == EBUSY)
			sp_slot_refuse(s, SP_BOX_E_FILES, 0, "the files of earlier steps take more than this step's memory limit");
		else
			sp_slot_refuse(s, SP_BOX_E_SETUP, errno, "setting the memory limit");
		return -1;
	}
	if (sp_cgroup_reset_peak(st->cg) < 0) {
		sp_slot_refuse(s, SP_BOX_E_SETUP, errno, "resetting the memory peak");
		return -1;
	}
	return 0;
}

/* Finds a container, limits it and hands it the order. False: refused, the answer is sent. */
static bool order(struct sp_slot *s, struct sp_run *st, const struct sp_order *o, const int *fds, unsigned nfds)
{
	/* A waiting container may have been killed; a new one cannot have been. */
	for (bool last = false; !last;) {
		last = !s->ready.init;
		if (take_container(s, st) < 0) break;
		if (s->cgroups.version != 1) {
			st->base = sp_cgroup_usage(st->cg);
			st->carried = s->stepped && st->cg->limit >= 0 ? sp_mounts_tree_used() : 0;
		} else {
			if (!s->stepped) s->base = sp_cgroup_usage(st->cg);
			st->base = s->base;
		}
		if (set_limits(s, st, &o->step) < 0) {
			discard(s, &st->c);
			return false;
		}
		sp_cgroup_read_counts(st->cg, &st->before);
		s->used = true;
		if (sp_wire_send(st->c.feed, o, sizeof *o, fds, nfds, 0) == 0) return true;
		int why = errno;
		discard(s, &st->c);
		errno = why;
	}
	sp_slot_refuse(s, SP_BOX_E_SETUP, errno, "making the container");
	return false;
}

/* From the limits to DONE. False: refused, and the answer is sent. */
static bool run(struct sp_slot *s, struct sp_run *st, const struct sp_box_step *b, const int *fds, unsigned nfds)
{
	struct sp_order o = {.step = *b, .has_in = nfds > 1, .has_files = !s->stepped && s->files >= 0};
	bool merge = b->flags & SP_BOX_STEP_MERGE;
	int pass[SP_ORDER_FDS];
	unsigned n = 0;

	if (make_pipes(st, merge) < 0) {
		sp_slot_refuse(s, SP_BOX_E_SETUP, errno, "making the pipes");
		return false;
	}
	pass[n++] = fds[0];
	pass[n++] = st->out[1];
	if (!merge) pass[n++] = st->err[1];
	if (o.has_in) pass[n++] = fds[1];
	if (o.has_files) pass[n++] = s->files;
	if (!order(s, st, &o, pass, n)) return false;
	close_fd(&st->out[1]);
	close_fd(&st->err[1]);

	static const struct sp_box_error silent = {SP_BOX_E_FILES, ENOMEM,
	        "the container was killed before the program began: its files or its set-up took more than the memory limit"};
	if (!sp_run_await(s, st, &silent)) return false;
	sp_run_announce(s, st);
	sp_run_finish(s, st);
	return true;
}

void sp_slot_step(struct sp_slot *s, const struct sp_box_step *b, const int *fds, unsigned nfds)
{
	struct sp_run st = SP_RUN_NONE;

	if (!s->open || s->spoiled) {
		sp_slot_refuse(s, SP_BOX_E_REQUEST, 0, "%s",
		        s->open ? "STEP after a refused one: END is due" : "STEP without a BEGIN that succeeded");
		return;
	}
	s->spoiled = !run(s, &st, b, fds, nfds);
	s->stepped = true;
	sp_run_forget(s, &st);
}
