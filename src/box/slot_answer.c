/* SPDX-License-Identifier: MIT */
/*
 * What the service is told about its slot, and what the launcher says. A launcher is next to untrusted programs, so that its word is taken only where it
 * cannot hurt anybody but its own slot: an answer that is not owed, or does not fit, ends it.
 */
#include "box/slot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "box/wire.h"

void sp_boxslot_reply(struct sp_boxslot *s, struct sp_box_msg *m, const int *fds, unsigned nfds)
{
	/* The socket does not block: its buffer holds more answers than a service that keeps to the protocol can be owed. */
	if (s->chan >= 0 && sp_box_send(s->chan, m, fds, nfds) < 0) sp_boxslot_over(s, "the service does not read its answers");
}

void sp_boxslot_reply_error(struct sp_boxslot *s, enum sp_box_error_code code, const char *text)
{
	struct sp_box_msg m = {.type = SP_BOX_ERROR};
	m.u.error.code = code;
	snprintf(m.u.error.text, sizeof m.u.error.text, "%s", text);
	sp_boxslot_reply(s, &m, NULL, 0);
}

void sp_boxslot_send_ended(struct sp_boxslot *s)
{
	struct sp_box_msg m = {.type = SP_BOX_ENDED, .u.ended = s->ended};
	s->owes_ended = false;
	if (s->state == SP_BOXSLOT_DOWN) m.u.ended.flags |= SP_BOX_ENDED_DOWN;
	memset(&s->ended, 0, sizeof s->ended);
	sp_boxslot_reply(s, &m, NULL, 0);
}

void sp_boxslot_refuse(struct sp_boxslot *s, uint32_t inner)
{
	struct sp_box_msg m = {.type = SP_BOX_ERROR, .u.error = {.code = SP_BOX_E_SETUP, .errnum = EAGAIN}};
	if (inner == SP_IN_END) {
		sp_boxslot_send_ended(s);
		return;
	}
	snprintf(m.u.error.text, sizeof m.u.error.text, "the slot could not be built again and is tried once a second");
	sp_boxslot_reply(s, &m, NULL, 0);
}

/* ---- answers */

void sp_boxslot_shift_pending(struct sp_boxslot *s) { memmove(s->pending, s->pending + 1, --s->npending * sizeof s->pending[0]); }

static void launcher_up(struct sp_boxslot *s)
{
	s->state = SP_BOXSLOT_UP;
	s->answer_at = SP_NEVER;
	if (!sp_the_box.ready) {
		sp_box_maybe_ready();
		return;
	}
	if (s->owes_ended) sp_boxslot_send_ended(s);
	sp_boxslot_release_held(s);
}

static void started(struct sp_boxslot *s, const struct sp_inner_started *st, int *fds, unsigned nfds)
{
	struct sp_box_msg m = {.type = SP_BOX_STARTED};
	unsigned at = 0;
	s->run = fds[at++];
	if (st->has_cpu) s->cpu = fds[at++];
	s->answer_at = SP_NEVER;
	/* The limits are those that were checked against the policy, and its word on the time is taken within reason: a launcher that a program
	 * has subverted shall not be able to give its slot for ever. */
	int64_t now = sp_mono_ns();
	s->exec_ns = st->exec_ns > now || st->exec_ns < now - SP_BOXSLOT_ANSWER_NS ? now : st->exec_ns;
	s->cpu_base = st->cpu_base;
	uint64_t used = sp_cgroup_cpu_fd(s->cpu);
	if (s->cpu_base > used) s->cpu_base = used;
	s->cpu_ns = s->pending[0].cpu_ns;
	s->wall_at = s->exec_ns + (int64_t)s->pending[0].wall_ns;
	/* No sooner than this can all processors together have used it up; past the wall limit it need not be looked at. */
	s->cpu_at = s->exec_ns + (int64_t)(s->cpu_ns / sp_the_box.cpus);
	if (s->cpu_at >= s->wall_at || s->cpu < 0) s->cpu_at = SP_NEVER;
	if (s->kill_wanted) sp_boxslot_kill_run(s, SP_BOX_KILLED_SERVICE);
	sp_boxslot_reply(s, &m, fds + at, nfds - at);
	while (nfds > at) sp_wire_drop(fds[--nfds]);
}

static void done(struct sp_boxslot *s, const struct sp_inner_done *d)
{
	struct sp_box_msg m = {.type = SP_BOX_DONE, .u.done = d->done};
	m.u.done.killed_by = d->reported ? SP_BOX_KILLED_NOT : s->killed_by;
	sp_boxslot_clear_step(s);
	sp_boxslot_reply(s, &m, NULL, 0);
}

static void ended(struct sp_boxslot *s, const struct sp_inner_ended *e)
{
	s->ended.teardown_ns = e->teardown_ns;
	if (!e->dirty) {
		sp_boxslot_send_ended(s);
		return;
	}
	s->owes_ended = true;
	sp_boxslot_kill_launcher(s);
}

/*
 * The service takes what breaks the protocol for the box's fault, and gives up the whole box for it: so nothing of that kind may get through from a launcher,
 * which is one slot's. Pipes are told by a call that does not ask their file system, which may be one that the launcher serves.
 */
static bool fits_run(const struct sp_boxslot_pending *owed, const int *out, unsigned n)
{
	if (n != owed->pipes) return false;
	for (unsigned i = 0; i < n; i++)
		if (fcntl(out[i], F_GETPIPE_SZ) < 0) return false;
	return true;
}

/* An answer to what is owed, which comes without descriptors. */
static bool fits(const struct sp_boxslot *s, const struct sp_inner *m, uint32_t owed)
{
	switch ((enum sp_inner_type)m->type) {
	case SP_IN_BEGUN: return owed == SP_IN_BEGIN;
	case SP_IN_DONE: return sp_boxslot_runs(owed) && s->run >= 0 && sp_box_check_done(&m->u.done.done);
	case SP_IN_ENDED: return owed == SP_IN_END;
	case SP_IN_ERROR: return owed && owed != SP_IN_END && m->u.error.code >= SP_BOX_E_REQUEST && m->u.error.code <= SP_BOX_E_HOST;
	case SP_IN_GO:
	case SP_IN_BEGIN:
	case SP_IN_STEP:
	case SP_IN_END:
	case SP_IN_COLLECT:
	case SP_IN_REFUSE:
	case SP_IN_UP:
	case SP_IN_STARTED: break;
	}
	return false;
}

/* False: the launcher does not keep to its side, which only a subverted or broken one does not. */
static bool from_launcher(struct sp_boxslot *s, struct sp_inner *m, int *fds, unsigned *nfds)
{
	unsigned n = *nfds;
	uint32_t owed = s->npending ? s->pending[0].type : 0;

	if (s->state == SP_BOXSLOT_STARTING) {
		if (m->type == SP_IN_UP && !n) {
			launcher_up(s);
			return true;
		}
		if (m->type != SP_IN_ERROR || n) return false;
		m->u.error.text[sizeof m->u.error.text - 1] = 0;
		if (!sp_the_box.ready && !sp_the_box.told) {
			sp_the_box.told = true; /* its death follows, and ends the box */
			sp_box_control_sink(sp_the_box.b->control, &m->u.error);
		}
		return true;
	}
	if (m->type == SP_IN_STARTED) {
		unsigned own = 1 + !!m->u.started.has_cpu;
		if (!sp_boxslot_runs(owed) || s->run >= 0 || n < own || !fits_run(&s->pending[0], fds + own, n - own)) return false;
		*nfds = 0;
		started(s, &m->u.started, fds, n);
		return true;
	}
	/* Before anything changes: what is owed by a launcher that is ended for this is answered in its place. */
	if (n || !fits(s, m, owed)) return false;

	sp_boxslot_shift_pending(s);
	s->answer_at = s->npending ? sp_mono_ns() + SP_BOXSLOT_ANSWER_NS : SP_NEVER;
	m->u.error.text[sizeof m->u.error.text - 1] = 0;
	struct sp_box_msg out = {.type = SP_BOX_ERROR, .u.error = m->u.error};
	if (m->type == SP_IN_ERROR) {
		sp_boxslot_clear_step(s);
		sp_boxslot_reply(s, &out, NULL, 0);
	} else if (m->type == SP_IN_BEGUN) {
		out = (struct sp_box_msg){.type = SP_BOX_BEGUN};
		sp_boxslot_reply(s, &out, NULL, 0);
	} else if (m->type == SP_IN_DONE) {
		done(s, &m->u.done);
	} else {
		ended(s, &m->u.ended);
	}
	sp_boxslot_release_held(s);
	return true;
}

void sp_boxslot_from_launcher(struct sp_boxslot *s)
{
	struct sp_inner m;
	int fds[4];
	unsigned nfds;

	if (sp_wire_recv(s->lchan, &m, sizeof m, fds, 4, &nfds, 0) < 0) {
		/* End of file: it is dying, and the pidfd will say when it is dead. */
		if (errno != EAGAIN) {
			sp_box_unwatch(&s->lchan);
			if (s->state != SP_BOXSLOT_OVER) sp_boxslot_kill_launcher(s);
		}
		return;
	}
	bool fine = (s->state == SP_BOXSLOT_STARTING || s->state == SP_BOXSLOT_UP) && from_launcher(s, &m, fds, &nfds);
	while (nfds) sp_wire_drop(fds[--nfds]);
	if (!fine && s->state != SP_BOXSLOT_OVER) sp_boxslot_kill_launcher(s);
}
