/* SPDX-License-Identifier: MIT */
/*
 * A slot's life: its launcher is started, replaced, given up for lost; with the ids that go with it.
 *
 *   STARTING   the launcher builds its namespaces, cgroup and mounts; requests are held
 *   DOWN       the host did not let a launcher start; tried again every second, and until then requests are refused
 *   UP         requests go to the launcher, in order; `pending` is what it owes answers to. While an END is among them, later requests are held,
 *              as the slot may turn out to need replacing.
 *   DYING      the launcher was killed (or died) and is not reaped yet; everything in the slot dies with it
 *   OVER       the service broke the protocol or closed the channel: the slot is not built again
 *
 *   STARTING → UP → DYING → STARTING (next generation, new ids, new cgroup, new network namespace) …, DYING → DOWN → STARTING, any → OVER
 *
 * Nothing in a slot can hold up another: a launcher that does not answer, or does not die, is noticed by a deadline (slot_time.c) and left to itself.
 */
#include "box/slot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/attr.h"
#include "base/clock.h"
#include "box/die.h"
#include "box/launcher.h"
#include "box/sys.h"
#include "box/wire.h"

/* ---- launchers */

static bool ids_taken(unsigned ids)
{
	for (unsigned i = 0; i < sp_the_box.nslots; i++)
		if (sp_the_box.slots[i].ids == ids && (sp_the_box.slots[i].state != SP_BOXSLOT_OVER || sp_the_box.slots[i].pidfd >= 0))
			return true;
	for (unsigned i = 0; i < SP_BOXLOST_MAX; i++)
		if (sp_the_box.lost[i].pid && sp_the_box.lost[i].ids == ids) return true;
	return false;
}

/* Three ids that nothing alive uses; 0 of the box's namespace is the box's own. The policy makes sure that there are enough for all slots twice. */
static unsigned take_ids(void)
{
	unsigned triples = (sp_the_box.b->policy->ids_count - 1) / SP_SLOT_IDS;
	for (unsigned tries = 0; tries < triples; tries++) {
		unsigned ids = 1 + SP_SLOT_IDS * (sp_the_box.next_ids++ % triples);
		if (!ids_taken(ids)) return ids;
	}
	return 0;
}

static int write_map(pid_t pid, const char *file, unsigned ids)
{
	char path[48], map[96] = SP_SLOT_MAP_SINGLE;
	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
	int n = sp_box_single() ? (int)strlen(map) : snprintf(map, sizeof map, SP_SLOT_MAP, ids, ids + 1, ids + 2);
	sp_autoclose int fd = open(path, O_WRONLY | O_CLOEXEC);
	return fd >= 0 && write(fd, map, (size_t)n) == n ? 0 : -1;
}

int sp_boxslot_start(struct sp_boxslot *s)
{
	int pair[2];

	s->ids = 0;
	if (!sp_box_single() && (s->ids = take_ids()) == 0) {
		errno = EAGAIN;
		return -1;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) return -1;
	int home;
	/* The one thing of a slot that is made here: on v2 its directory is of the slot's id, which the launcher is not yet, and which we are above. */
	if (sp_cgroup_slot_make(sp_the_box.b->cgroups, s->index, s->generation, s->ids, &home) < 0) {
		int why = errno;
		close(pair[0]);
		close(pair[1]);
		sp_cgroup_drop(
		        sp_the_box.b->cgroups, s->index, s->generation); /* what there is of it would be in the way of the next attempt */
		errno = why;
		return -1;
	}
	struct sp_launcher l = {.policy = sp_the_box.b->policy,
	        .cgroups = *sp_the_box.b->cgroups,
	        .slot = s->index,
	        .generation = s->generation,
	        .inotify_instances = sp_the_box.instances,
	        .inotify_watches = sp_the_box.watches,
	        .channel = pair[1],
	        .single = sp_box_single()};

	/* Safe: the child is root of a user namespace below ours, in which only the three ids are mapped that are written next, by us. */
	s->pid = sp_sys_clone(CLONE_NEWUSER | CLONE_NEWPID, &s->pidfd, home);
	if (s->pid == 0) sp_launcher_main(&l);
	int why = errno;
	close(pair[1]);
	sp_box_close(&home);
	s->lchan = pair[0];
	if (s->pid < 0) {
		sp_box_close(&s->lchan);
		sp_cgroup_drop(sp_the_box.b->cgroups, s->index, s->generation);
		errno = why;
		return -1;
	}
	s->generation++;
	s->state = SP_BOXSLOT_STARTING;
	s->stillborn = false;
	s->answer_at = sp_mono_ns() + SP_BOXSLOT_ANSWER_NS;
	fcntl(s->lchan, F_SETFL, O_NONBLOCK);
	sp_box_watch(s->lchan, SP_BOX_FROM_LAUNCHER, s->index);
	sp_box_watch(s->pidfd, SP_BOX_FROM_LAUNCHER_END, s->index);
	struct sp_inner go = {.type = SP_IN_GO};
	if (write_map(s->pid, "uid_map", s->ids) < 0 || write_map(s->pid, "gid_map", s->ids) < 0 ||
	        sp_wire_send(s->lchan, &go, sizeof go, NULL, 0, 0) < 0) {
		why = errno;
		sp_sys_pidfd_kill(s->pidfd); /* reaped like any other launcher that dies while starting */
		errno = why;
		return -1;
	}
	return 0;
}

void sp_boxslot_clear_step(struct sp_boxslot *s)
{
	sp_box_close(&s->run);
	sp_box_close(&s->cpu);
	s->wall_at = s->cpu_at = s->reap_at = SP_NEVER;
	s->killed_by = SP_BOX_KILLED_NOT;
	s->kill_wanted = false;
}

void sp_boxslot_kill_launcher(struct sp_boxslot *s)
{
	if (s->state == SP_BOXSLOT_DYING || s->pidfd < 0) return;
	sp_sys_pidfd_kill(s->pidfd);
	s->stillborn = s->state == SP_BOXSLOT_STARTING;
	if (s->state != SP_BOXSLOT_OVER) {
		s->state = SP_BOXSLOT_DYING;
		s->ended.flags |= SP_BOX_ENDED_REPLACED; /* told by the next ENDED */
	}
	sp_boxslot_clear_step(s);
	s->answer_at = SP_NEVER;
	s->reap_at = sp_mono_ns() + SP_BOXSLOT_LOST_NS;
}

void sp_boxslot_over(struct sp_boxslot *s, const char *why)
{
	if (s->state == SP_BOXSLOT_OVER) return;
	if (why) dprintf(STDERR_FILENO, "serapis-box: slot %u ends: %s\n", s->index, why);
	sp_boxslot_kill_launcher(s);
	s->state = SP_BOXSLOT_OVER;
	/* Also if there was no launcher to kill: nothing is done any more about a deadline that is over, and the loop would not sleep again. */
	s->answer_at = s->again_at = SP_NEVER;
	sp_box_unwatch(&s->chan);
	sp_boxslot_drop_held(s);
}

/* Nobody can tell how long the host will refuse it (processes, memory, ids): what waits is refused, and the next attempt is a matter of time. */
static void slot_down(struct sp_boxslot *s, const char *why)
{
	dprintf(STDERR_FILENO, "serapis-box: slot %u is down, tried again in a second: %s\n", s->index, why);
	s->state = SP_BOXSLOT_DOWN;
	s->answer_at = s->reap_at = SP_NEVER;
	s->again_at = sp_mono_ns() + SP_BOXSLOT_AGAIN_NS;
	if (s->owes_ended) sp_boxslot_send_ended(s);
	for (unsigned i = 0; i < s->nheld && s->state == SP_BOXSLOT_DOWN; i++) sp_boxslot_refuse(s, s->held[i].m.type);
	sp_boxslot_drop_held(s);
	s->kill_wanted = false; /* of a step that is refused by now */
}

void sp_boxslot_start_again(struct sp_boxslot *s)
{
	s->again_at = SP_NEVER;
	if (sp_boxslot_start(s) == 0 || s->pidfd >= 0) return; /* one that was born is heard of again, by its end */
	slot_down(s, strerrordesc_np(errno));
}

static void rebuild(struct sp_boxslot *s)
{
	sp_box_unwatch(&s->lchan);
	sp_box_unwatch(&s->pidfd);
	sp_boxslot_clear_step(s);
	if (s->state == SP_BOXSLOT_OVER) {
		sp_cgroup_drop(sp_the_box.b->cgroups, s->index, s->generation - 1);
		return;
	}
	/* What was asked of the old one will not be done. The END, if there was one, is answered when the new one is up. */
	for (unsigned i = 0; i < s->npending && s->state != SP_BOXSLOT_OVER; i++) {
		if (s->pending[i].type == SP_IN_END)
			s->owes_ended = true;
		else
			sp_boxslot_reply_error(s, SP_BOX_E_SETUP, "the slot had to be replaced");
	}
	s->npending = 0;
	if (s->state == SP_BOXSLOT_OVER) return;
	sp_boxslot_start_again(s);
}

void sp_boxslot_launcher_gone(struct sp_boxslot *s)
{
	if (waitpid(s->pid, NULL, WNOHANG) != s->pid) return;
	if (!sp_the_box.ready) {
		if (sp_the_box.told) _exit(1);
		sp_die(SP_BOX_E_HOST, 0, "a slot's launcher was killed while it was starting");
	}
	/* At once would fail once more. Its channel's end may have been seen before its own. */
	if (s->state == SP_BOXSLOT_STARTING || (s->state == SP_BOXSLOT_DYING && s->stillborn)) {
		sp_box_unwatch(&s->lchan);
		sp_box_unwatch(&s->pidfd);
		slot_down(s, "its launcher did not come up");
		return;
	}
	if (s->state == SP_BOXSLOT_UP) {
		s->ended.flags |= SP_BOX_ENDED_REPLACED;
		s->state = SP_BOXSLOT_DYING;
	}
	rebuild(s);
}

/* SIGKILL, and still not reaped: something of the slot is stuck in the kernel. Its ids, cgroup and namespaces are left to it while it lives. */
void sp_boxslot_quarantine(struct sp_boxslot *s)
{
	if (s->state != SP_BOXSLOT_DYING && s->state != SP_BOXSLOT_OVER) { /* it was the container's init that does not end */
		s->ended.flags |= SP_BOX_ENDED_QUARANTINED;
		sp_boxslot_done_without_launcher(s);
		sp_boxslot_kill_launcher(s);
		return;
	}
	s->reap_at = SP_NEVER;
	unsigned i = 0;
	while (i < SP_BOXLOST_MAX && sp_the_box.lost[i].pid) i++;
	if (i == SP_BOXLOST_MAX) return; /* the slot stays as it is: not offered, not freed */
	epoll_ctl(sp_the_box.epoll, EPOLL_CTL_DEL, s->pidfd, NULL);
	sp_the_box.lost[i] = (struct sp_boxlost){s->pid, sp_steal_fd(&s->pidfd), s->ids, s->index, s->generation - 1};
	sp_box_watch(sp_the_box.lost[i].pidfd, SP_BOX_FROM_LOST, i);
	dprintf(STDERR_FILENO, "serapis-box: slot %u is quarantined: its processes do not end\n", s->index);
	s->ended.flags |= SP_BOX_ENDED_QUARANTINED | SP_BOX_ENDED_REPLACED;
	rebuild(s);
}

/* It died after all, and with it everything that had its ids. */
void sp_boxslot_lost_gone(struct sp_boxlost *l)
{
	if (!l->pid || waitpid(l->pid, NULL, WNOHANG) != l->pid) return;
	sp_box_unwatch(&l->pidfd);
	l->pid = 0;
	sp_cgroup_drop(sp_the_box.b->cgroups, l->slot, l->generation);
}
