/* SPDX-License-Identifier: MIT */
/* What the service asks of a slot: checked against the policy here, then passed to the launcher, or held until there is one that can take it. */
#include "box/slot.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "box/wire.h"

/* ---- requests */

static bool holding(const struct sp_boxslot *s)
{
	return s->state != SP_BOXSLOT_UP || (s->npending && s->pending[s->npending - 1].type == SP_IN_END);
}

static void pass_on(struct sp_boxslot *s, const struct sp_inner *m, int *fds, unsigned nfds)
{
	s->pending[s->npending++] = (struct sp_boxslot_pending){.type = m->type};
	if (m->type == SP_IN_STEP) {
		s->pending[s->npending - 1].pipes = m->u.step.flags & SP_BOX_STEP_MERGE ? 1 : 2;
		s->pending[s->npending - 1].wall_ns = m->u.step.wall_ns;
		s->pending[s->npending - 1].cpu_ns = m->u.step.cpu_ns;
	}
	if (m->type == SP_IN_COLLECT) {
		s->pending[s->npending - 1].pipes = 1;
		s->pending[s->npending - 1].wall_ns = m->u.collect.wall_ns;
		s->pending[s->npending - 1].cpu_ns = m->u.collect.cpu_ns;
	}
	if (s->answer_at == SP_NEVER && s->run < 0) s->answer_at = sp_mono_ns() + SP_BOXSLOT_ANSWER_NS;
	bool sent = sp_wire_send(s->lchan, m, sizeof *m, fds, nfds, 0) == 0;
	while (nfds) sp_wire_drop(fds[--nfds]);
	if (!sent)
		sp_boxslot_kill_launcher(
		        s); /* it is dying, or does not read: either way it is replaced, and the request answered with an error */
}

void sp_boxslot_drop_held(struct sp_boxslot *s)
{
	for (unsigned i = 0; i < s->nheld; i++)
		while (s->held[i].nfds) close(s->held[i].fds[--s->held[i].nfds]);
	s->nheld = 0;
}

void sp_boxslot_release_held(struct sp_boxslot *s)
{
	unsigned n = 0;
	while (n < s->nheld && !holding(s)) {
		pass_on(s, &s->held[n].m, s->held[n].fds, s->held[n].nfds);
		n++;
	}
	s->nheld -= n;
	memmove(s->held, s->held + n, s->nheld * sizeof s->held[0]);
}

static void request(struct sp_boxslot *s, const struct sp_inner *m, int *fds, unsigned nfds)
{
	if (s->state == SP_BOXSLOT_DOWN) {
		while (nfds) sp_wire_drop(fds[--nfds]);
		sp_boxslot_refuse(s, m->type);
		return;
	}
	if (s->npending + s->nheld >= SP_BOX_PENDING_MAX) {
		while (nfds) sp_wire_drop(fds[--nfds]);
		sp_boxslot_over(s, "too many requests at once");
		return;
	}
	if (!holding(s) && !s->nheld) {
		pass_on(s, m, fds, nfds);
		return;
	}
	struct sp_boxslot_held *h = &s->held[s->nheld++];
	h->m = *m;
	h->nfds = nfds;
	memcpy(h->fds, fds, nfds * sizeof *fds);
}

/* Meant is the step that runs, or else the next that will: it may be on its way to the launcher, or held. */
static void kill_request(struct sp_boxslot *s)
{
	bool found = s->run >= 0;
	for (unsigned i = 0; i < s->npending; i++) found |= sp_boxslot_runs(s->pending[i].type);
	for (unsigned i = 0; i < s->nheld; i++) found |= sp_boxslot_runs(s->held[i].m.type);
	if (!found) return;
	s->kill_wanted = true;
	sp_boxslot_kill_run(s, SP_BOX_KILLED_SERVICE);
}

static const char *check_request(const struct sp_box_msg *m, const int *fds)
{
	uint64_t size;
	if (m->type == SP_BOX_BEGIN) {
		if (m->nfds && sp_box_check_sealed(fds[0], SP_BOX_FILES_BYTES_MAX, &size) < 0)
			return "the files are not a sealed memfd of an acceptable size";
		return sp_policy_check_begin(sp_the_box.b->policy, &m->u.begin);
	}
	if (m->type == SP_BOX_COLLECT) {
		if (sp_box_check_sealed(fds[0], SP_BOX_REQUEST_BYTES_MAX, &size) < 0)
			return "the request is not a sealed memfd of an acceptable size";
		return sp_policy_check_collect(sp_the_box.b->policy, &m->u.collect);
	}
	if (m->type != SP_BOX_STEP) return NULL;
	if (sp_box_check_sealed(fds[0], SP_BOX_SPEC_BYTES_MAX, &size) < 0) return "the spec is not a sealed memfd of an acceptable size";
	/* Only this: a directory as stdin would be a way out of the container, a socket or device one to talk through. */
	if (m->nfds > 1 && sp_box_check_sealed(fds[1], SP_BOX_STDIN_BYTES_MAX, &size) < 0)
		return "stdin is not a sealed memfd of an acceptable size";
	return sp_policy_check_step(sp_the_box.b->policy, &m->u.step);
}

void sp_boxslot_from_service(struct sp_boxslot *s)
{
	struct sp_box_msg m;
	int fds[SP_BOX_FDS_MAX];

	/* Bounded, so that one channel cannot keep the loop from the others; what is left over wakes it again. */
	for (int i = 0; i < SP_BOX_PENDING_MAX && s->chan >= 0; i++) {
		if (sp_box_recv(s->chan, &m, fds) < 0) {
			if (errno == EAGAIN) return;
			sp_boxslot_over(
			        s, errno == ECONNRESET ? NULL : "the service broke the protocol"); /* closed in order: nothing to say */
			return;
		}
		unsigned nfds = m.nfds;
		struct sp_inner in = {0};
		const char *fault = check_request(&m, fds);
		switch ((enum sp_box_type)m.type) {
		case SP_BOX_BEGIN:
			in.type = SP_IN_BEGIN;
			in.u.begin = m.u.begin;
			break;
		case SP_BOX_STEP:
			in.type = SP_IN_STEP;
			in.u.step = m.u.step;
			break;
		case SP_BOX_COLLECT:
			in.type = SP_IN_COLLECT;
			in.u.collect = m.u.collect;
			break;
		case SP_BOX_END: in.type = SP_IN_END; break;
		case SP_BOX_KILL: kill_request(s); continue;
		case SP_BOX_HELLO:
		case SP_BOX_READY:
		case SP_BOX_BEGUN:
		case SP_BOX_STARTED:
		case SP_BOX_DONE:
		case SP_BOX_ENDED:
		case SP_BOX_ERROR:
			while (nfds) sp_wire_drop(fds[--nfds]);
			sp_boxslot_over(s, "the service broke the protocol");
			return;
		}
		if (fault) {
			while (nfds) sp_wire_drop(fds[--nfds]);
			in = (struct sp_inner){.type = SP_IN_REFUSE};
			in.u.error.code = SP_BOX_E_REQUEST;
			snprintf(in.u.error.text, sizeof in.u.error.text, "%s", fault);
		}
		request(s, &in, fds, nfds);
	}
}
