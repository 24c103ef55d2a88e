/* SPDX-License-Identifier: MIT */
/*
 * A step needs a container, and most of what a container costs does not depend on the request: namespaces, proc and its masks, the binds, the pivot. So
 * it is prepared as soon as the slot is free, up to the point where its init waits for an order; a step then sends the order. An evaluation's second step
 * gets one made on the spot, by the same code.
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

/* ---- prepared containers */

/* The mount namespace's descriptor is there to be closed here: its mounts would otherwise be taken down by init's own exit, with a wait for every
 * processor, and each step's answer would wait for that. */
static void forget(struct sp_prepared *p)
{
	close_fd(&p->mounts);
	close_fd(&p->pidfd);
	close_fd(&p->feed);
	close_fd(&p->report);
	close_fd(&p->ready);
	p->init = 0;
}

static void wait_for(pid_t pid)
{
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static void discard(struct sp_prepared *p)
{
	if (!p->init) return;
	sp_sys_pidfd_kill(p->pidfd);
	wait_for(p->init);
	forget(p);
}

/* 0, or -1 with errno; then nothing is left of it. */
static int prepare(struct sp_slot *s, struct sp_prepared *p)
{
	int feed[2] = {-1, -1}, report[2] = {-1, -1}, ready[2] = {-1, -1};
	int *const all[] = {&feed[0], &feed[1], &report[0], &report[1], &ready[0], &ready[1]};

	*p = SP_PREPARED_NONE;
	memcpy(p->root, s->root, sizeof p->root);
	pid_t pid = -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, feed) == 0 && pipe2(report, O_CLOEXEC) == 0 &&
	        pipe2(ready, O_CLOEXEC) == 0) {
		struct sp_container c = {
		        .mounts = &s->mounts, .root = p->root, .feed = feed[1], .report = report[1], .ready = ready[1], .cpu = s->cg.cpu};
		/* Safe: everything the child can reach with its powers belongs to the slot's user namespace. The cgroup namespace is rooted where we sit,
		 * in the slot's cgroup, so the program sees "/". */
		pid = sp_sys_clone(CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP, &p->pidfd);
		if (pid == 0) {
			/* or the end of file that says that the launcher has no use for it would never come */
			close(feed[0]);
			sp_container_init(&c);
		}
	}
	int why = errno;
	if (pid > 0) {
		p->init = pid;
		p->feed = sp_steal_fd(&feed[0]);
		p->report = sp_steal_fd(&report[0]);
		p->ready = sp_steal_fd(&ready[0]);
		/* Without it everything works, later. */
		char path[32];
		snprintf(path, sizeof path, "%d/ns/mnt", (int)pid);
		p->mounts = openat(s->mounts.proc, path, O_RDONLY | O_CLOEXEC);
	}
	for (size_t i = 0; i < SP_COUNT(all); i++) close_fd(all[i]);
	errno = why;
	return pid > 0 ? 0 : -1;
}

void sp_slot_prepare(struct sp_slot *s)
{
	if (s->ready.init && strcmp(s->ready.root, s->root) == 0) return;
	discard(&s->ready);
	if (prepare(s, &s->ready) < 0) forget(&s->ready); /* the step tries again, and has somebody to tell */
}

/* ---- a step */

struct step {
	struct sp_prepared c;
	int out[2], err[2]; /* [0] is the read end */
};

/* Hands the order to the waiting container, or to a new one when there is none or it died while waiting. -1 with errno. */
static int give_order(struct sp_slot *s, struct step *st, const struct sp_order *o, const int *fds, unsigned nfds)
{
	if (s->ready.init) {
		st->c = s->ready;
		s->ready = SP_PREPARED_NONE;
		s->used = true;
		if (sp_wire_send(st->c.feed, o, sizeof *o, fds, nfds, 0) == 0) return 0;
		discard(&st->c);
	}
	if (prepare(s, &st->c) < 0) return -1;
	s->used = true;
	return sp_wire_send(st->c.feed, o, sizeof *o, fds, nfds, 0);
}

static int make_pipes(struct step *st, bool merge)
{
	if (pipe2(st->out, O_CLOEXEC) < 0) return -1;
	/* The pipe's inode to the run, or opening /dev/stdout would be refused to it. */
	if (fchown(st->out[1], SP_RUN_UID, SP_RUN_UID) < 0) return -1;
	return merge || (pipe2(st->err, O_CLOEXEC) == 0 && fchown(st->err[1], SP_RUN_UID, SP_RUN_UID) == 0) ? 0 : -1;
}

/* 0, or the answer is sent. */
static int set_limits(struct sp_slot *s, const struct sp_box_step *b)
{
	/* The launcher and init count as well; they and what they use are added to what was asked. */
	if (sp_cgroup_set_pids(&s->cg, (uint64_t)b->processes + 2) < 0) {
		sp_slot_refuse(s, SP_BOX_E_SETUP, errno, "setting the process limit");
		return -1;
	}
	if (sp_cgroup_set_memory(&s->cg, b->memory_bytes + s->base) < 0) {
		if (errno == EBUSY)
			sp_slot_refuse(s, SP_BOX_E_FILES, 0, "the files of earlier steps take more than this step's memory limit");
		else
			sp_slot_refuse(s, SP_BOX_E_SETUP, errno, "setting the memory limit");
		return -1;
	}
	if (sp_cgroup_reset_peak(&s->cg) < 0) {
		sp_slot_refuse(s, SP_BOX_E_SETUP, errno, "resetting the memory peak");
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

/* Up to the program's exec. True: it runs (or ran), *ready says since when. False: the reason has been sent. */
static bool await_exec(struct sp_slot *s, struct sp_prepared *c, struct sp_note *ready)
{
	struct sp_note n;

	/* Woken once, by the last write end's closing: at the exec, or when both init and program are gone. */
	struct pollfd p = {.fd = c->ready, .events = 0};
	while (poll(&p, 1, -1) < 0 && errno == EINTR)
		;
	bool was_ready = false, failed = false;
	while (!failed && take_note(c->ready, &n)) {
		if (n.kind == SP_NOTE_READY) {
			*ready = n;
			was_ready = true;
		} else {
			failed = true;
		}
	}
	if (was_ready && !failed) return true;

	/* Nothing of the run has been executed. The container goes before the answer: a refused step leaves nothing behind. */
	sp_sys_pidfd_kill(c->pidfd);
	wait_for(c->init);
	struct sp_note of_init;
	if (!failed && take_note(c->report, &of_init) && of_init.kind == SP_NOTE_FAILED) {
		n = of_init;
		failed = true;
	}
	if (failed) {
		struct sp_inner m = {.type = SP_IN_ERROR, .u.error = n.error};
		sp_slot_answer(s, &m, NULL, 0);
	} else {
		sp_slot_refuse(s, SP_BOX_E_FILES, ENOMEM,
		        "the container was killed before the program began: its files or its set-up took more than the memory limit");
	}
	return false;
}

static void fill_done(struct sp_slot *s, const struct sp_cgroup_counts *before, const struct sp_note *ready, bool reported,
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

/* From the limits to DONE. False: refused, and the answer is sent. */
static bool run(struct sp_slot *s, struct step *st, const struct sp_box_step *b, const int *fds, unsigned nfds, int64_t arrived)
{
	struct sp_cgroup_counts before;
	struct sp_order o = {.step = *b, .has_in = nfds > 1, .has_files = !s->stepped && s->files >= 0};
	bool merge = b->flags & SP_BOX_STEP_MERGE;
	int pass[SP_ORDER_FDS];
	unsigned n = 0;

	if (!s->stepped) s->base = sp_cgroup_usage(&s->cg);
	if (set_limits(s, b) < 0) return false;
	sp_cgroup_read_counts(&s->cg, &before);
	if (make_pipes(st, merge) < 0) {
		sp_slot_refuse(s, SP_BOX_E_SETUP, errno, "making the pipes");
		return false;
	}
	pass[n++] = fds[0];
	pass[n++] = st->out[1];
	if (!merge) pass[n++] = st->err[1];
	if (o.has_in) pass[n++] = fds[1];
	if (o.has_files) pass[n++] = s->files;
	if (give_order(s, st, &o, pass, n) < 0) {
		sp_slot_refuse(s, SP_BOX_E_SETUP, errno, "making the container");
		discard(&st->c);
		return false;
	}
	close_fd(&st->out[1]);
	close_fd(&st->err[1]);

	struct sp_note ready, end;
	if (!await_exec(s, &st->c, &ready)) return false;
	struct sp_inner m = {.type = SP_IN_STARTED};
	m.u.started = (struct sp_inner_started){.exec_ns = ready.at_ns, .cpu_base = ready.cpu};
	sp_slot_answer(s, &m, (const int[]){st->c.pidfd, st->out[0], st->err[0]}, merge ? 2 : 3);

	/* Returns when all of the container's pid namespace is dead: the kernel lets an init end last. */
	wait_for(st->c.init);
	m = (struct sp_inner){.type = SP_IN_DONE};
	m.u.done.done.setup_ns = ready.at_ns > arrived ? (uint64_t)(ready.at_ns - arrived) : 0;
	bool reported = take_note(st->c.report, &end) && end.kind == SP_NOTE_ENDED;
	fill_done(s, &before, &ready, reported, &end, &m.u.done);
	sp_slot_answer(s, &m, NULL, 0);
	return true;
}

void sp_slot_step(struct sp_slot *s, const struct sp_box_step *b, const int *fds, unsigned nfds)
{
	struct step st = {SP_PREPARED_NONE, {-1, -1}, {-1, -1}};
	int64_t arrived = sp_mono_ns();

	if (!s->open || s->spoiled) {
		sp_slot_refuse(s, SP_BOX_E_REQUEST, 0, "%s",
		        s->open ? "STEP after a refused one: END is due" : "STEP without a BEGIN that succeeded");
		return;
	}
	s->spoiled = !run(s, &st, b, fds, nfds, arrived);
	s->stepped = true;
	forget(&st.c);
	close_fd(&st.out[0]);
	close_fd(&st.out[1]);
	close_fd(&st.err[0]);
	close_fd(&st.err[1]);
}
