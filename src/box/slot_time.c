/* SPDX-License-Identifier: MIT */
/* Time: the deadlines of steps, launchers and failed starts, and the killing of a step, which goes by descriptor and does not need its launcher. */
#include "box/slot.h"

#include <signal.h>

#include "base/attr.h"
#include "base/clock.h"
#include "box/sys.h"

void sp_boxslot_kill_run(struct sp_boxslot *s, enum sp_box_killer by)
{
	if (s->run < 0 || s->killed_by != SP_BOX_KILLED_NOT) return;
	s->killed_by = by;
	s->killed_ns = sp_mono_ns();
	s->wall_at = s->cpu_at = SP_NEVER;
	s->reap_at = s->killed_ns + SP_BOXSLOT_REAP_NS;
	sp_sys_pidfd_kill(s->run);
}

/* How a step that was killed ended does not depend on what its container does afterwards: a program may not turn its time limit into our error. */
void sp_boxslot_done_without_launcher(struct sp_boxslot *s)
{
	if (s->run < 0 || s->killed_by == SP_BOX_KILLED_NOT || !s->npending || !sp_boxslot_runs(s->pending[0].type)) return;
	struct sp_box_msg m = {.type = SP_BOX_DONE};
	uint64_t cpu = sp_cgroup_cpu_fd(s->cpu);
	m.u.done = (struct sp_box_done){.ended = SP_BOX_SIGNALED,
	        .code = SIGKILL,
	        .killed_by = s->killed_by,
	        .cpu_ns = cpu > s->cpu_base ? cpu - s->cpu_base : 0,
	        .wall_ns = (uint64_t)(s->killed_ns - s->exec_ns)};
	sp_boxslot_shift_pending(s);
	sp_boxslot_reply(s, &m, NULL, 0);
}

static void check_cpu(struct sp_boxslot *s, int64_t now)
{
	uint64_t used = sp_cgroup_cpu_fd(s->cpu);
	used = used > s->cpu_base ? used - s->cpu_base : 0;
	if (used >= s->cpu_ns) {
		sp_boxslot_kill_run(s, SP_BOX_KILLED_CPU);
		return;
	}
	int64_t wait = (int64_t)((s->cpu_ns - used) / sp_the_box.cpus);
	s->cpu_at = now + (wait < SP_NS_PER_MS ? SP_NS_PER_MS : wait);
}

static void check_slot(struct sp_boxslot *s, int64_t now)
{
	if (now >= s->wall_at) sp_boxslot_kill_run(s, SP_BOX_KILLED_WALL);
	if (now >= s->cpu_at) check_cpu(s, now);
	if (now >= s->reap_at) sp_boxslot_quarantine(s);
	if (now >= s->answer_at && s->state != SP_BOXSLOT_OVER) sp_boxslot_kill_launcher(s);
	if (now >= s->again_at) {
		s->again_at = SP_NEVER;
		if (s->state == SP_BOXSLOT_DOWN) sp_boxslot_start_again(s);
	}
}

int64_t sp_box_next_deadline(void)
{
	int64_t t = SP_NEVER;
	for (unsigned i = 0; i < sp_the_box.nslots; i++) {
		const struct sp_boxslot *s = &sp_the_box.slots[i];
		const int64_t all[] = {s->wall_at, s->cpu_at, s->reap_at, s->answer_at, s->again_at};
		for (size_t k = 0; k < SP_COUNT(all); k++)
			if (all[k] < t) t = all[k];
	}
	return t;
}

void sp_box_check_deadlines(void)
{
	int64_t now = sp_mono_ns();
	for (unsigned i = 0; i < sp_the_box.nslots; i++) check_slot(&sp_the_box.slots[i], now);
}
