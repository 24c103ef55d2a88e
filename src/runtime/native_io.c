/* SPDX-License-Identifier: MIT */
/*
 * The slot thread's side of a slot channel: messages with a bound, and one step from STEP to the last byte of output. What a step and the collecting of
 * files (native_collect.c) have in common is struct sp_native_io.
 *
 * A step waits for four things at once: the channel, both pipes and the slot's doorbell. Output is read all the time, whether it is kept or thrown
 * away, so that a program never blocks on a full pipe because of us. KILL may be sent before STARTED was read, when the box may not have the step
 * yet; it is then sent again at STARTED, and the one too many is ignored.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "runtime/native.h"

struct step_io {
	struct sp_native_io io;
	const struct sp_step *st;
};

/* The channel is of no use any more. */
int sp_native_lose(struct sp_native *n, struct sp_native_slot *s, const char *why, struct sp_err *err)
{
	/* A box that died is no news; one that lives and breaks the protocol has to go. */
	sp_native_broken(n, s->gen, why);
	s->state = SP_SLOT_LOST;
	return sp_fail(err, SP_E_UNAVAILABLE, 0, "the box was lost: %s", why);
}

static int poll_until(struct pollfd *p, nfds_t n, int64_t deadline)
{
	int64_t left = deadline - sp_mono_ns();
	int ms = left <= 0 ? 0 : left / SP_NS_PER_MS >= 1000 * 3600 ? 1000 * 3600 : (int)(left / SP_NS_PER_MS) + 1;
	int r = poll(p, n, ms);

	return r < 0 && errno == EINTR ? 0 : r;
}

int sp_native_send(struct sp_native *n, struct sp_native_slot *s, struct sp_box_msg *m, const int *fds, unsigned nfds, struct sp_err *err)
{
	int64_t deadline = sp_mono_ns() + n->t.grace_ms * SP_NS_PER_MS;

	while (sp_box_send(s->chan, m, fds, nfds)) {
		struct pollfd p = {.fd = s->chan, .events = POLLOUT};

		if (errno == EINTR) continue;
		/* Too many descriptors in flight or no memory are the host's trouble, but the channel's order is lost with the message. */
		if (errno != EAGAIN) return sp_native_lose(n, s, errno == EPIPE || errno == ECONNRESET ? "it died" : strerror(errno), err);
		if (sp_mono_ns() >= deadline) return sp_native_lose(n, s, "it takes no message", err);
		poll_until(&p, 1, deadline);
	}
	return 0;
}

/* One message: 1, 0 if there is none now, -1 lost. */
static int receive(struct sp_native *n, struct sp_native_slot *s, struct sp_box_msg *m, int fds[SP_BOX_FDS_MAX], struct sp_err *err)
{
	if (sp_box_recv(s->chan, m, fds) == 0) return 1;
	if (errno == EAGAIN || errno == EINTR) return 0;
	return sp_native_lose(n, s, errno == EPROTO ? "it broke the protocol" : "it died", err);
}

int sp_native_await_ended(struct sp_native *n, struct sp_native_slot *s, struct sp_err *err)
{
	int64_t deadline = sp_mono_ns() + n->t.clean_ms * SP_NS_PER_MS;

	for (;;) {
		struct sp_box_msg m;
		int fds[SP_BOX_FDS_MAX];
		int r = receive(n, s, &m, fds, err);

		if (r < 0) return -1;
		if (r > 0) {
			for (unsigned i = 0; i < m.nfds; i++) close(fds[i]);
			if (m.type != SP_BOX_ENDED) continue; /* an answer that nobody waited for */
			if (m.u.ended.flags & SP_BOX_ENDED_QUARANTINED)
				sp_log_warn("runtime", "slot quarantined: its processes do not die", SP_I("slot", s - n->slots));
			if (m.u.ended.flags & SP_BOX_ENDED_DOWN)
				sp_log_warn("runtime", "slot cannot be built again yet", SP_I("slot", s - n->slots));
			atomic_store(&s->down_ns, m.u.ended.flags & SP_BOX_ENDED_DOWN ? sp_mono_ns() : 0);
			s->state = SP_SLOT_CLEAN;
			return 0;
		}
		if (sp_native_gone(n, s->gen)) return sp_native_lose(n, s, "it died", err);
		if (sp_mono_ns() >= deadline) return sp_native_lose(n, s, "a slot was not cleaned in time", err);
		struct pollfd p[2] = {{.fd = s->chan, .events = POLLIN}, {.fd = s->bell, .events = POLLIN}};
		poll_until(p, 2, deadline);
		if (p[1].revents) sp_native_hush(s->bell);
	}
}

/* --- Whatever runs -------------------------------------------------------- */

int sp_native_io_kill(struct sp_native_io *io, enum sp_killed_by why, struct sp_err *err)
{
	struct sp_box_msg m = {.type = SP_BOX_KILL};
	int64_t soon = sp_mono_ns() + io->n->t.grace_ms * SP_NS_PER_MS;

	if (io->asked == SP_KILLED_NOT) {
		io->asked = why;
		if (soon < io->deadline) io->deadline = soon;
	}
	return sp_native_send(io->n, io->s, &m, NULL, 0, err);
}

/* One read of a pipe that poll has called ready. */
static int read_pipe(struct sp_native_io *io, int stream, struct sp_err *err)
{
	ssize_t n = read(io->pipes[stream], io->s->buf, SP_NATIVE_READ_BYTES);

	if (n > 0) return io->take(io, stream, io->s->buf, (size_t)n, err);
	if (n < 0 && (errno == EINTR || errno == EAGAIN)) return 0;
	close(sp_steal_fd(&io->pipes[stream]));
	return 0;
}

static int read_pipes(struct sp_native_io *io, const struct pollfd p[2], struct sp_err *err)
{
	for (int i = 0; i < 2; i++) {
		if (p[i].revents && read_pipe(io, i, err)) return -1;
	}
	return 0;
}

static bool is_pipe(int fd)
{
	struct stat st;
	return fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode);
}

static int take_started(struct sp_native_io *io, unsigned nfds, int *fds, struct sp_err *err)
{
	bool fit = io->begun && !io->started && nfds == io->pipes_due && is_pipe(fds[0]) && (nfds == 1 || is_pipe(fds[1]));

	if (!fit) {
		for (unsigned i = 0; i < nfds; i++) close(fds[i]);
		return sp_native_lose(io->n, io->s, "it broke the protocol (STARTED)", err);
	}
	io->started = true;
	for (unsigned i = 0; i < nfds; i++) {
		/* The program can open its own output for reading and take a byte back that poll has announced: a read that waits then would
		 * keep us from the doorbell and the box for as long as it likes. */
		(void)fcntl(fds[i], F_SETFL, O_NONBLOCK);
		io->pipes[i] = fds[i];
	}
	return io->asked == SP_KILLED_NOT ? 0 : sp_native_io_kill(io, io->asked, err);
}

static int take_done(struct sp_native_io *io, const struct sp_box_done *d, struct sp_err *err)
{
	struct sp_step_result *out = io->out;
	if (!io->started || !sp_box_check_done(d) || d->killed_by > SP_BOX_KILLED_SERVICE ||
	        (d->killed_by == SP_BOX_KILLED_SERVICE && !io->asked))
		return sp_native_lose(io->n, io->s, "it broke the protocol (DONE)", err);
	out->signaled = d->ended == SP_BOX_SIGNALED;
	out->code = d->code;
	switch ((enum sp_box_killer)d->killed_by) {
	case SP_BOX_KILLED_NOT: out->killed_by = SP_KILLED_NOT; break;
	case SP_BOX_KILLED_WALL: out->killed_by = SP_KILLED_WALL; break;
	case SP_BOX_KILLED_CPU: out->killed_by = SP_KILLED_CPU; break;
	case SP_BOX_KILLED_SERVICE: out->killed_by = io->asked; break;
	}
	out->oom = d->flags & SP_BOX_DONE_OOM && d->flags & SP_BOX_DONE_MEMORY_HIT;
	out->host_oom = d->flags & SP_BOX_DONE_OOM && !(d->flags & SP_BOX_DONE_MEMORY_HIT);
	out->tree_full = d->flags & (SP_BOX_DONE_BLOCKS_FULL | SP_BOX_DONE_INODES_FULL);
	out->pids_hit = d->flags & SP_BOX_DONE_PIDS_HIT;
	out->cpu_ns = (int64_t)d->cpu_ns;
	out->wall_ns = (int64_t)d->wall_ns;
	out->setup_ns = (int64_t)d->setup_ns;
	out->memory_peak_bytes = (int64_t)d->memory_peak;
	io->done = true;
	return 0;
}

static int take_error(struct sp_native_io *io, struct sp_box_error *e, struct sp_err *err)
{
	enum sp_code code = e->code == SP_BOX_E_FILES || e->code == SP_BOX_E_EXEC ? SP_E_INVALID : SP_E_INTERNAL;

	/* The host's trouble of the moment, and this slot's alone: the same request may well run in another one, or here a little later. */
	if (e->code == SP_BOX_E_SETUP && e->errnum == EAGAIN) {
		code = SP_E_UNAVAILABLE;
		atomic_store(&io->s->down_ns, sp_mono_ns());
	}
	io->s->state = SP_SLOT_FAILED;
	e->text[sizeof e->text - 1] = '\0';
	/* The text may repeat what a user wrote. */
	for (char *p = e->text; *p; p++) {
		if ((unsigned char)*p < 0x20 || *p == 0x7f) *p = '?';
	}
	if (!e->text[0]) snprintf(e->text, sizeof e->text, "the box refused the %s", io->begun ? io->what : "evaluation");
	/* The text may end with the reason already. */
	bool told = e->errnum == 0 || strstr(e->text, strerror(e->errnum));
	sp_fail(err, code, told ? 0 : e->errnum, "%s", e->text);
	if (err) err->errnum = e->errnum;
	return -1;
}

static int take_message(struct sp_native_io *io, struct sp_err *err)
{
	struct sp_box_msg m;
	int fds[SP_BOX_FDS_MAX];
	int r = receive(io->n, io->s, &m, fds, err);

	if (r <= 0) return r;
	switch (m.type) {
	case SP_BOX_BEGUN:
		if (io->begun) break;
		io->begun = true;
		io->s->state = SP_SLOT_BEGUN;
		return 0;
	case SP_BOX_STARTED: return take_started(io, m.nfds, fds, err);
	case SP_BOX_DONE: return take_done(io, &m.u.done, err);
	case SP_BOX_ERROR: return take_error(io, &m.u.error, err);
	default: break;
	}
	for (unsigned i = 0; i < m.nfds; i++) close(fds[i]);
	return sp_native_lose(io->n, io->s, "it broke the protocol (a message out of turn)", err);
}

static int run(struct sp_native_io *io, struct sp_err *err)
{
	while (!io->done) {
		struct pollfd p[4] = {
		        {.fd = io->pipes[0], .events = POLLIN},
		        {.fd = io->pipes[1], .events = POLLIN},
		        {.fd = io->s->chan, .events = POLLIN},
		        {.fd = io->s->bell, .events = POLLIN},
		};

		/* Only a look that began after the deadline and found nothing tells that the box is silent: on_output may have kept us, or a stopped process. */
		bool late = sp_mono_ns() >= io->deadline;
		if (poll_until(p, 4, io->deadline) < 0) return sp_native_lose(io->n, io->s, "poll failed", err);
		if (late && !p[2].revents) return sp_native_lose(io->n, io->s, "what ran did not end in time", err);
		if (p[3].revents) {
			sp_native_hush(io->s->bell);
			if (sp_native_gone(io->n, io->s->gen)) return sp_native_lose(io->n, io->s, "it died", err);
			if (atomic_load(&io->s->interrupted) && io->asked == SP_KILLED_NOT && sp_native_io_kill(io, SP_KILLED_CALLER, err))
				return -1;
		}
		if (read_pipes(io, p, err)) return -1;
		if (p[2].revents && take_message(io, err)) return -1;
	}
	return 0;
}

/*
 * Everything in the container is dead, so what is in the pipes is all there will be. The bounds are for a write end that the box itself forgot: time
 * while nothing comes, and more reads than full pipes can take (1 MiB each) once the time is over.
 */
static int drain(struct sp_native_io *io, struct sp_err *err)
{
	int64_t deadline = sp_mono_ns() + io->n->t.drain_ms * SP_NS_PER_MS;
	int more = 2 * (1 << 20) / SP_NATIVE_READ_BYTES + 2;

	while (io->pipes[0] >= 0 || io->pipes[1] >= 0) {
		struct pollfd p[2] = {{.fd = io->pipes[0], .events = POLLIN}, {.fd = io->pipes[1], .events = POLLIN}};
		bool late = sp_mono_ns() >= deadline;
		int ready = poll_until(p, 2, deadline);

		if (ready < 0) return sp_native_lose(io->n, io->s, "poll failed", err);
		if (late && (ready == 0 || more-- == 0)) {
			sp_log_warn("runtime", "pipes stay open after the end of what wrote to them", SP_I("slot", io->s - io->n->slots));
			break;
		}
		if (read_pipes(io, p, err)) return -1;
	}
	return 0;
}

int sp_native_io_run(struct sp_native_io *io, struct sp_err *err)
{
	int r = run(io, err);

	if (r == 0) r = drain(io, err);
	for (int i = 0; i < 2; i++) {
		if (io->pipes[i] >= 0) close(sp_steal_fd(&io->pipes[i]));
	}
	return r;
}

int sp_native_io_open(struct sp_native_io *io, struct sp_err *err)
{
	struct sp_native_slot *s = io->s;

	io->pipes[0] = io->pipes[1] = -1;
	io->begun = s->state == SP_SLOT_BEGUN;
	if (s->state == SP_SLOT_LOST || sp_native_gone(io->n, s->gen)) return sp_native_lose(io->n, s, "it died", err);
	if (s->state != SP_SLOT_BEGIN && s->state != SP_SLOT_BEGUN)
		return sp_fail(err, SP_E_INTERNAL, 0, "a %s outside of begin and end, or after one that failed", io->what);
	if (!s->buf) s->buf = sp_calloc(1, SP_NATIVE_READ_BYTES);
	return 0;
}

/* --- A step -------------------------------------------------------------- */

static int take_output(struct sp_native_io *io, int stream, const char *p, size_t n, struct sp_err *err)
{
	const struct sp_step *st = ((struct step_io *)io)->st;
	int64_t limit = st->limits.output_bytes, *total = &io->out->output_total[stream];
	int64_t room = limit > *total ? limit - *total : 0;
	size_t keep = (int64_t)n < room ? n : (size_t)room;

	if (keep) st->on_output(st->cls, (enum sp_stream)stream, p, keep);
	if (keep < n) io->out->truncated[stream] = true;
	*total += (int64_t)n;
	if (*total > limit * SP_NATIVE_FLOOD_FACTOR && io->asked == SP_KILLED_NOT && !io->done)
		return sp_native_io_kill(io, SP_KILLED_OUTPUT, err);
	return 0;
}

static int send_step(struct sp_native_io *io, const struct sp_step *st, struct sp_err *err)
{
	const struct sp_limits *l = &st->limits;
	sp_autoclose int spec = -1, input = -1;

	if (sp_native_pack_spec(st, &spec, err)) return -1;
	if (st->stdin_data && st->stdin_size) {
		if (st->stdin_size > SP_BOX_STDIN_BYTES_MAX)
			return sp_fail(err, SP_E_INVALID, 0, "standard input is larger than %u MiB", SP_BOX_STDIN_BYTES_MAX >> 20);
		if ((input = sp_memfd_sealed("serapis-stdin", st->stdin_data, st->stdin_size, err)) < 0) return -1;
	}
	struct sp_box_msg m = {
	        .type = SP_BOX_STEP,
	        .u.step =
	                {
	                        .flags = st->merge_output ? SP_BOX_STEP_MERGE : 0,
	                        .processes = (uint32_t)l->processes,
	                        .wall_ns = (uint64_t)(l->wall_ms * SP_NS_PER_MS),
	                        .cpu_ns = (uint64_t)(l->cpu_ms * SP_NS_PER_MS),
	                        .memory_bytes = (uint64_t)l->memory_bytes,
	                        .file_bytes = (uint64_t)l->files_bytes,
	                        .open_files = (uint32_t)l->open_files,
	                },
	};
	int fds[2] = {spec, input};
	return sp_native_send(io->n, io->s, &m, fds, input < 0 ? 1 : 2, err);
}

int sp_native_step(struct sp_native *n, struct sp_native_slot *s, const struct sp_step *st, struct sp_step_result *out, struct sp_err *err)
{
	struct step_io step = {
	        .io = {.n = n, .s = s, .out = out, .what = "step", .pipes_due = st->merge_output ? 1 : 2, .take = take_output}, .st = st};

	memset(out, 0, sizeof *out);
	if (sp_native_io_open(&step.io, err)) return -1;
	if (atomic_load(&s->interrupted)) {
		/* It would be killed as soon as it started. */
		out->signaled = true;
		out->code = 9;
		out->killed_by = SP_KILLED_CALLER;
		return 0;
	}
	if (send_step(&step.io, st, err)) return -1;
	step.io.deadline = sp_mono_ns() + (st->limits.wall_ms + st->limits.cpu_ms + n->t.grace_ms) * SP_NS_PER_MS;
	return sp_native_io_run(&step.io, err);
}
