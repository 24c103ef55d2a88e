/* SPDX-License-Identifier: MIT */
/*
 * The box: one thread, one epoll loop, no call that waits for anything but epoll. It checks what comes from the service against the policy, passes it
 * to the slot's launcher, passes the answers back, and ends steps by pidfd when their time is over.
 *
 * A slot's life
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
 * Nothing in a slot can hold up another: a launcher that does not answer, or does not die, is noticed by a deadline here and left to itself.
 */
#include "box/box.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "box/container.h"
#include "box/die.h"
#include "box/inner.h"
#include "box/launcher.h"
#include "box/sys.h"
#include "box/wire.h"

#define NEVER INT64_MAX
#define REAP_NS (1 * SP_NS_PER_S) /* of a container's init, from SIGKILL to reaped (box-rules.md 28) */
/* Of a launcher. What keeps an init longer than its second is mostly work that ends; and a slot that is late is better than ids that are lost. */
#define LOST_NS (4 * SP_NS_PER_S)
#define AGAIN_NS (1 * SP_NS_PER_S) /* until a launcher that did not start is tried again */
#define ANSWER_NS (30 * SP_NS_PER_S) /* for whatever a launcher does while no program runs */
#define SLOT_INSTANCES SP_BOX_SLOT_INOTIFY
#define SLOT_WATCHES 4096
#define QUARANTINE_MAX SP_BOX_SLOTS_MAX

enum slot_state { SLOT_STARTING, SLOT_UP, SLOT_DYING, SLOT_DOWN, SLOT_OVER };

struct held {
	struct sp_inner m;
	int fds[2];
	unsigned nfds;
};

struct slot {
	enum slot_state state;
	unsigned index, generation, ids; /* ids: the lowest of three */
	pid_t pid;
	int chan, lchan, pidfd; /* service's channel, launcher's channel, launcher */
	int cpu, run; /* of the step that runs: cpu time of its cgroup, its init; or -1 */
	struct pending {
		uint32_t type; /* inner type that the launcher owes an answer to */
		uint64_t wall_ns, cpu_ns; /* of a STEP */
	} pending[SP_BOX_PENDING_MAX];
	unsigned npending, nheld;
	struct held held[SP_BOX_PENDING_MAX];
	uint32_t killed_by; /* of the step that runs, or is about to */
	bool kill_wanted;
	uint64_t cpu_base, cpu_ns;
	int64_t exec_ns, killed_ns; /* of the step that runs */
	int64_t wall_at, cpu_at, answer_at, reap_at, again_at;
	bool owes_ended; /* an END whose answer waits for the new generation */
	struct sp_box_end_report ended;
};

struct lost { /* a launcher that does not die: until it does, nobody else gets its ids */
	pid_t pid; /* 0: the entry is free */
	int pidfd;
	unsigned ids, slot, generation;
};

static struct {
	const struct sp_box *b;
	int epoll;
	unsigned nslots, cpus;
	unsigned instances, watches; /* of inotify, a slot */
	bool ready, told; /* told: of a start that failed, by the launcher itself */
	unsigned next_ids;
	int service_end[SP_BOX_SLOTS_MAX]; /* until READY is sent */
	struct slot slots[SP_BOX_SLOTS_MAX];
	struct lost lost[QUARANTINE_MAX];
} g;

enum source { FROM_CONTROL, FROM_STUB, FROM_SERVICE, FROM_LAUNCHER, FROM_LAUNCHER_END, FROM_LOST };

static void watch(int fd, enum source source, unsigned index)
{
	struct epoll_event e = {.events = EPOLLIN, .data.u64 = (uint64_t)source << 32 | index};
	if (epoll_ctl(g.epoll, EPOLL_CTL_ADD, fd, &e) < 0) sp_die(SP_BOX_E_HOST, errno, "epoll");
}

static void close_fd(int *fd)
{
	if (*fd >= 0) sp_wire_drop(sp_steal_fd(fd)); /* some came from launchers, which programs may have subverted */
}

/* For descriptors that are watched: a launcher that is stuck may share them, and then closing alone would not end the watching. */
static void unwatch(int *fd)
{
	if (*fd < 0) return;
	epoll_ctl(g.epoll, EPOLL_CTL_DEL, *fd, NULL);
	close_fd(fd);
}

static void control_sink(int fd, const struct sp_box_error *e)
{
	struct sp_box_msg m = {.type = SP_BOX_ERROR, .u.error = *e};
	(void)!sp_box_send(fd, &m, NULL, 0);
}

/* ---- towards the service */

static void slot_over(struct slot *s, const char *why);

static void reply(struct slot *s, struct sp_box_msg *m, const int *fds, unsigned nfds)
{
	/* The socket does not block: its buffer holds more answers than a service that keeps to the protocol can be owed. */
	if (s->chan >= 0 && sp_box_send(s->chan, m, fds, nfds) < 0) slot_over(s, "the service does not read its answers");
}

static void reply_error(struct slot *s, enum sp_box_error_code code, const char *text)
{
	struct sp_box_msg m = {.type = SP_BOX_ERROR};
	m.u.error.code = code;
	snprintf(m.u.error.text, sizeof m.u.error.text, "%s", text);
	reply(s, &m, NULL, 0);
}

static void send_ended(struct slot *s)
{
	struct sp_box_msg m = {.type = SP_BOX_ENDED, .u.ended = s->ended};
	s->owes_ended = false;
	if (s->state == SLOT_DOWN) m.u.ended.flags |= SP_BOX_ENDED_DOWN;
	memset(&s->ended, 0, sizeof s->ended);
	reply(s, &m, NULL, 0);
}

/* Of a slot that is down: whatever is asked has its answer at once. */
static void refuse_down(struct slot *s, uint32_t inner)
{
	struct sp_box_msg m = {.type = SP_BOX_ERROR, .u.error = {.code = SP_BOX_E_SETUP, .errnum = EAGAIN}};
	if (inner == SP_IN_END) {
		send_ended(s);
		return;
	}
	snprintf(m.u.error.text, sizeof m.u.error.text, "the slot could not be built again and is tried once a second");
	reply(s, &m, NULL, 0);
}

/* ---- launchers */

static bool ids_taken(unsigned ids)
{
	for (unsigned i = 0; i < g.nslots; i++)
		if (g.slots[i].ids == ids && g.slots[i].state != SLOT_OVER) return true;
	for (unsigned i = 0; i < QUARANTINE_MAX; i++)
		if (g.lost[i].pid && g.lost[i].ids == ids) return true;
	return false;
}

/* Three ids that nothing alive uses; 0 of the box's namespace is the box's own. The policy makes sure that there are enough for all slots twice. */
static unsigned take_ids(void)
{
	unsigned triples = (g.b->policy->ids_count - 1) / SP_SLOT_IDS;
	for (unsigned tries = 0; tries < triples; tries++) {
		unsigned ids = 1 + SP_SLOT_IDS * (g.next_ids++ % triples);
		if (!ids_taken(ids)) return ids;
	}
	return 0;
}

static bool single(void) { return g.b->ids->kind == SP_IDS_SINGLE; }

static int write_map(pid_t pid, const char *file, unsigned ids)
{
	char path[48], map[96] = SP_SLOT_MAP_SINGLE;
	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
	int n = single() ? (int)strlen(map) : snprintf(map, sizeof map, SP_SLOT_MAP, ids, ids + 1, ids + 2);
	sp_autoclose int fd = open(path, O_WRONLY | O_CLOEXEC);
	return fd >= 0 && write(fd, map, (size_t)n) == n ? 0 : -1;
}

/* A new generation of the slot. -1 with errno: this host refuses it now. */
static int start_launcher(struct slot *s)
{
	int pair[2];

	s->ids = 0;
	if (!single() && (s->ids = take_ids()) == 0) {
		errno = EAGAIN;
		return -1;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) return -1;
	int home;
	/* The one thing of a slot that is made here: on v2 its directory is of the slot's id, which the launcher is not yet, and which we are above. */
	if (sp_cgroup_slot_make(g.b->cgroups, s->index, s->generation, s->ids, &home) < 0) {
		int why = errno;
		close(pair[0]);
		close(pair[1]);
		sp_cgroup_drop(g.b->cgroups, s->index, s->generation); /* what there is of it would be in the way of the next attempt */
		errno = why;
		return -1;
	}
	struct sp_launcher l = {.policy = g.b->policy,
	        .cgroups = *g.b->cgroups,
	        .slot = s->index,
	        .generation = s->generation,
	        .inotify_instances = g.instances,
	        .inotify_watches = g.watches,
	        .channel = pair[1],
	        .single = single()};

	/* Safe: the child is root of a user namespace below ours, in which only the three ids are mapped that are written next, by us. */
	s->pid = sp_sys_clone(CLONE_NEWUSER | CLONE_NEWPID, &s->pidfd, home);
	if (s->pid == 0) sp_launcher_main(&l);
	int why = errno;
	close(pair[1]);
	close_fd(&home);
	s->lchan = pair[0];
	if (s->pid < 0) {
		close_fd(&s->lchan);
		sp_cgroup_drop(g.b->cgroups, s->index, s->generation);
		errno = why;
		return -1;
	}
	s->generation++;
	s->state = SLOT_STARTING;
	s->answer_at = sp_mono_ns() + ANSWER_NS;
	fcntl(s->lchan, F_SETFL, O_NONBLOCK);
	watch(s->lchan, FROM_LAUNCHER, s->index);
	watch(s->pidfd, FROM_LAUNCHER_END, s->index);
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

static void drop_held(struct slot *s)
{
	for (unsigned i = 0; i < s->nheld; i++)
		while (s->held[i].nfds) close(s->held[i].fds[--s->held[i].nfds]);
	s->nheld = 0;
}

static void clear_step(struct slot *s)
{
	close_fd(&s->run);
	close_fd(&s->cpu);
	s->wall_at = s->cpu_at = s->reap_at = NEVER;
	s->killed_by = SP_BOX_KILLED_NOT;
	s->kill_wanted = false;
}

/* Ends the launcher and with it, by its pid namespace, everything of the slot. Goes on in launcher_gone(). */
static void kill_launcher(struct slot *s)
{
	if (s->state == SLOT_DYING || s->pidfd < 0) return;
	sp_sys_pidfd_kill(s->pidfd);
	if (s->state != SLOT_OVER) {
		s->state = SLOT_DYING;
		s->ended.flags |= SP_BOX_ENDED_REPLACED; /* told by the next ENDED */
	}
	clear_step(s);
	s->answer_at = NEVER;
	s->reap_at = sp_mono_ns() + LOST_NS;
}

static void slot_over(struct slot *s, const char *why)
{
	if (s->state == SLOT_OVER) return;
	if (why) dprintf(STDERR_FILENO, "serapis-box: slot %u ends: %s\n", s->index, why);
	kill_launcher(s);
	s->state = SLOT_OVER;
	unwatch(&s->chan);
	drop_held(s);
}

/* Nobody can tell how long the host will refuse it (processes, memory, ids): what waits is refused, and the next attempt is a matter of time. */
static void slot_down(struct slot *s, const char *why)
{
	dprintf(STDERR_FILENO, "serapis-box: slot %u is down, tried again in a second: %s\n", s->index, why);
	s->state = SLOT_DOWN;
	s->answer_at = s->reap_at = NEVER;
	s->again_at = sp_mono_ns() + AGAIN_NS;
	if (s->owes_ended) send_ended(s);
	for (unsigned i = 0; i < s->nheld && s->state == SLOT_DOWN; i++) refuse_down(s, s->held[i].m.type);
	drop_held(s);
}

static void start_again(struct slot *s)
{
	s->again_at = NEVER;
	if (start_launcher(s) == 0 || s->pidfd >= 0) return; /* one that was born is heard of again, by its end */
	slot_down(s, strerrordesc_np(errno));
}

static void rebuild(struct slot *s)
{
	unwatch(&s->lchan);
	unwatch(&s->pidfd);
	clear_step(s);
	if (s->state == SLOT_OVER) {
		sp_cgroup_drop(g.b->cgroups, s->index, s->generation - 1);
		return;
	}
	/* What was asked of the old one will not be done. The END, if there was one, is answered when the new one is up. */
	for (unsigned i = 0; i < s->npending && s->state != SLOT_OVER; i++) {
		if (s->pending[i].type == SP_IN_END)
			s->owes_ended = true;
		else
			reply_error(s, SP_BOX_E_SETUP, "the slot had to be replaced");
	}
	s->npending = 0;
	if (s->state == SLOT_OVER) return;
	start_again(s);
}

static void launcher_gone(struct slot *s)
{
	if (waitpid(s->pid, NULL, WNOHANG) != s->pid) return;
	if (!g.ready) {
		if (g.told) _exit(1);
		sp_die(SP_BOX_E_HOST, 0, "a slot's launcher was killed while it was starting");
	}
	if (s->state == SLOT_STARTING) { /* at once would fail once more */
		unwatch(&s->lchan);
		unwatch(&s->pidfd);
		slot_down(s, "its launcher did not come up");
		return;
	}
	if (s->state == SLOT_UP) {
		s->ended.flags |= SP_BOX_ENDED_REPLACED;
		s->state = SLOT_DYING;
	}
	rebuild(s);
}

static void shift_pending(struct slot *s) { memmove(s->pending, s->pending + 1, --s->npending * sizeof s->pending[0]); }

/* How a step that was killed ended does not depend on what its container does afterwards: a program may not turn its time limit into our error. */
static void done_without_launcher(struct slot *s)
{
	if (s->run < 0 || s->killed_by == SP_BOX_KILLED_NOT || !s->npending || s->pending[0].type != SP_IN_STEP) return;
	struct sp_box_msg m = {.type = SP_BOX_DONE};
	uint64_t cpu = sp_cgroup_cpu_fd(s->cpu);
	m.u.done = (struct sp_box_done){.ended = SP_BOX_SIGNALED,
	        .code = SIGKILL,
	        .killed_by = s->killed_by,
	        .cpu_ns = cpu > s->cpu_base ? cpu - s->cpu_base : 0,
	        .wall_ns = (uint64_t)(s->killed_ns - s->exec_ns)};
	shift_pending(s);
	reply(s, &m, NULL, 0);
}

/* SIGKILL, and still not reaped: something of the slot is stuck in the kernel. Its ids, cgroup and namespaces are left to it while it lives. */
static void quarantine(struct slot *s)
{
	if (s->state != SLOT_DYING && s->state != SLOT_OVER) { /* it was the container's init that does not end */
		s->ended.flags |= SP_BOX_ENDED_QUARANTINED;
		done_without_launcher(s);
		kill_launcher(s);
		return;
	}
	s->reap_at = NEVER;
	unsigned i = 0;
	while (i < QUARANTINE_MAX && g.lost[i].pid) i++;
	if (i == QUARANTINE_MAX) return; /* the slot stays as it is: not offered, not freed */
	epoll_ctl(g.epoll, EPOLL_CTL_DEL, s->pidfd, NULL);
	g.lost[i] = (struct lost){s->pid, sp_steal_fd(&s->pidfd), s->ids, s->index, s->generation - 1};
	watch(g.lost[i].pidfd, FROM_LOST, i);
	dprintf(STDERR_FILENO, "serapis-box: slot %u is quarantined: its processes do not end\n", s->index);
	s->ended.flags |= SP_BOX_ENDED_QUARANTINED | SP_BOX_ENDED_REPLACED;
	rebuild(s);
}

/* It died after all, and with it everything that had its ids. */
static void lost_gone(struct lost *l)
{
	if (!l->pid || waitpid(l->pid, NULL, WNOHANG) != l->pid) return;
	unwatch(&l->pidfd);
	l->pid = 0;
	sp_cgroup_drop(g.b->cgroups, l->slot, l->generation);
}

/* ---- requests */

static bool holding(const struct slot *s) { return s->state != SLOT_UP || (s->npending && s->pending[s->npending - 1].type == SP_IN_END); }

static void pass_on(struct slot *s, const struct sp_inner *m, int *fds, unsigned nfds)
{
	s->pending[s->npending++] = (struct pending){m->type, 0, 0};
	if (m->type == SP_IN_STEP) {
		s->pending[s->npending - 1].wall_ns = m->u.step.wall_ns;
		s->pending[s->npending - 1].cpu_ns = m->u.step.cpu_ns;
	}
	if (s->answer_at == NEVER && s->run < 0) s->answer_at = sp_mono_ns() + ANSWER_NS;
	bool sent = sp_wire_send(s->lchan, m, sizeof *m, fds, nfds, 0) == 0;
	while (nfds) sp_wire_drop(fds[--nfds]);
	if (!sent) kill_launcher(s); /* it is dying, or does not read: either way it is replaced, and the request answered with an error */
}

static void release_held(struct slot *s)
{
	unsigned n = 0;
	while (n < s->nheld && !holding(s)) {
		pass_on(s, &s->held[n].m, s->held[n].fds, s->held[n].nfds);
		n++;
	}
	s->nheld -= n;
	memmove(s->held, s->held + n, s->nheld * sizeof s->held[0]);
}

static void request(struct slot *s, const struct sp_inner *m, int *fds, unsigned nfds)
{
	if (s->state == SLOT_DOWN) {
		while (nfds) sp_wire_drop(fds[--nfds]);
		refuse_down(s, m->type);
		return;
	}
	if (s->npending + s->nheld >= SP_BOX_PENDING_MAX) {
		while (nfds) sp_wire_drop(fds[--nfds]);
		slot_over(s, "too many requests at once");
		return;
	}
	if (!holding(s) && !s->nheld) {
		pass_on(s, m, fds, nfds);
		return;
	}
	struct held *h = &s->held[s->nheld++];
	h->m = *m;
	h->nfds = nfds;
	memcpy(h->fds, fds, nfds * sizeof *fds);
}

static void kill_run(struct slot *s, enum sp_box_killer by)
{
	if (s->run < 0 || s->killed_by != SP_BOX_KILLED_NOT) return;
	s->killed_by = by;
	s->killed_ns = sp_mono_ns();
	s->wall_at = s->cpu_at = NEVER;
	s->reap_at = s->killed_ns + REAP_NS;
	sp_sys_pidfd_kill(s->run);
}

/* Meant is the step that runs, or else the next that will: it may be on its way to the launcher, or held. */
static void kill_request(struct slot *s)
{
	bool found = s->run >= 0;
	for (unsigned i = 0; i < s->npending; i++) found |= s->pending[i].type == SP_IN_STEP;
	for (unsigned i = 0; i < s->nheld; i++) found |= s->held[i].m.type == SP_IN_STEP;
	if (!found) return;
	s->kill_wanted = true;
	kill_run(s, SP_BOX_KILLED_SERVICE);
}

static const char *check_request(const struct sp_box_msg *m, const int *fds)
{
	uint64_t size;
	if (m->type == SP_BOX_BEGIN) {
		if (m->nfds && sp_box_check_sealed(fds[0], SP_BOX_FILES_BYTES_MAX, &size) < 0)
			return "the files are not a sealed memfd of an acceptable size";
		return sp_policy_check_begin(g.b->policy, &m->u.begin);
	}
	if (m->type != SP_BOX_STEP) return NULL;
	if (sp_box_check_sealed(fds[0], SP_BOX_SPEC_BYTES_MAX, &size) < 0) return "the spec is not a sealed memfd of an acceptable size";
	/* Only this: a directory as stdin would be a way out of the container, a socket or device one to talk through. */
	if (m->nfds > 1 && sp_box_check_sealed(fds[1], SP_BOX_STDIN_BYTES_MAX, &size) < 0)
		return "stdin is not a sealed memfd of an acceptable size";
	return sp_policy_check_step(g.b->policy, &m->u.step);
}

static void from_service(struct slot *s)
{
	struct sp_box_msg m;
	int fds[SP_BOX_FDS_MAX];

	/* Bounded, so that one channel cannot keep the loop from the others; what is left over wakes it again. */
	for (int i = 0; i < SP_BOX_PENDING_MAX && s->chan >= 0; i++) {
		if (sp_box_recv(s->chan, &m, fds) < 0) {
			if (errno == EAGAIN) return;
			slot_over(s, errno == ECONNRESET ? NULL : "the service broke the protocol"); /* closed in order: nothing to say */
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
			slot_over(s, "the service broke the protocol");
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

/* ---- answers */

static void maybe_ready(void)
{
	for (unsigned i = 0; i < g.nslots; i++)
		if (g.slots[i].state != SLOT_UP) return;
	struct sp_box_msg m = {.type = SP_BOX_READY};
	m.u.ready = (struct sp_box_ready){.slots = g.nslots,
	        .enforced = (single() ? 0u : SP_BOX_ENF_IDS) | SP_BOX_ENF_NET | (sp_seccomp_present() ? SP_BOX_ENF_SECCOMP : 0u) |
	                    (g.b->cgroups->version ? SP_BOX_ENF_MEMORY | SP_BOX_ENF_PIDS | SP_BOX_ENF_CPU : 0u),
	        .cgroup_version = g.b->cgroups->version};
	if (sp_box_send(g.b->control, &m, g.service_end, g.nslots) < 0) _exit(1);
	for (unsigned i = 0; i < g.nslots; i++) close_fd(&g.service_end[i]);
	g.ready = true;
}

static void launcher_up(struct slot *s)
{
	s->state = SLOT_UP;
	s->answer_at = NEVER;
	if (!g.ready) {
		maybe_ready();
		return;
	}
	if (s->owes_ended) send_ended(s);
	release_held(s);
}

static void started(struct slot *s, const struct sp_inner_started *st, int *fds, unsigned nfds)
{
	struct sp_box_msg m = {.type = SP_BOX_STARTED};
	unsigned at = 0;
	s->run = fds[at++];
	if (st->has_cpu) s->cpu = fds[at++];
	s->answer_at = NEVER;
	/* The limits are those that were checked against the policy, and its word on the time is taken within reason: a launcher that a program
	 * has subverted shall not be able to give its slot for ever. */
	int64_t now = sp_mono_ns();
	s->exec_ns = st->exec_ns > now || st->exec_ns < now - ANSWER_NS ? now : st->exec_ns;
	s->cpu_base = st->cpu_base;
	uint64_t used = sp_cgroup_cpu_fd(s->cpu);
	if (s->cpu_base > used) s->cpu_base = used;
	s->cpu_ns = s->pending[0].cpu_ns;
	s->wall_at = s->exec_ns + (int64_t)s->pending[0].wall_ns;
	/* No sooner than this can all processors together have used it up; past the wall limit it need not be looked at. */
	s->cpu_at = s->exec_ns + (int64_t)(s->cpu_ns / g.cpus);
	if (s->cpu_at >= s->wall_at || s->cpu < 0) s->cpu_at = NEVER;
	if (s->kill_wanted) kill_run(s, SP_BOX_KILLED_SERVICE);
	reply(s, &m, fds + at, nfds - at);
	while (nfds > at) sp_wire_drop(fds[--nfds]);
}

static void done(struct slot *s, const struct sp_inner_done *d)
{
	struct sp_box_msg m = {.type = SP_BOX_DONE, .u.done = d->done};
	m.u.done.killed_by = d->reported ? SP_BOX_KILLED_NOT : s->killed_by;
	clear_step(s);
	reply(s, &m, NULL, 0);
}

static void ended(struct slot *s, const struct sp_inner_ended *e)
{
	s->ended.teardown_ns = e->teardown_ns;
	if (!e->dirty) {
		send_ended(s);
		return;
	}
	s->owes_ended = true;
	kill_launcher(s);
}

/* False: the launcher does not keep to its side, which only a subverted or broken one does not. */
static bool from_launcher(struct slot *s, struct sp_inner *m, int *fds, unsigned *nfds)
{
	unsigned n = *nfds;
	uint32_t owed = s->npending ? s->pending[0].type : 0;

	if (s->state == SLOT_STARTING) {
		if (m->type == SP_IN_UP && !n) {
			launcher_up(s);
			return true;
		}
		if (m->type != SP_IN_ERROR || n) return false;
		m->u.error.text[sizeof m->u.error.text - 1] = 0;
		if (!g.ready && !g.told) {
			g.told = true; /* its death follows, and ends the box */
			control_sink(g.b->control, &m->u.error);
		}
		return true;
	}
	if (m->type == SP_IN_STARTED) {
		unsigned own = 1 + !!m->u.started.has_cpu;
		if (owed != SP_IN_STEP || s->run >= 0 || n < own + 1 || n > own + 2) return false;
		*nfds = 0;
		started(s, &m->u.started, fds, n);
		return true;
	}
	if (n || !owed) return false;

	shift_pending(s);
	s->answer_at = s->npending ? sp_mono_ns() + ANSWER_NS : NEVER;
	m->u.error.text[sizeof m->u.error.text - 1] = 0;
	struct sp_box_msg out = {.type = SP_BOX_ERROR, .u.error = m->u.error};
	if (m->type == SP_IN_ERROR && owed != SP_IN_END) {
		clear_step(s);
		reply(s, &out, NULL, 0);
	} else if (m->type == SP_IN_BEGUN && owed == SP_IN_BEGIN) {
		out = (struct sp_box_msg){.type = SP_BOX_BEGUN};
		reply(s, &out, NULL, 0);
	} else if (m->type == SP_IN_DONE && owed == SP_IN_STEP && s->run >= 0) {
		done(s, &m->u.done);
	} else if (m->type == SP_IN_ENDED && owed == SP_IN_END) {
		ended(s, &m->u.ended);
	} else {
		return false;
	}
	release_held(s);
	return true;
}

static void read_launcher(struct slot *s)
{
	struct sp_inner m;
	int fds[4];
	unsigned nfds;

	if (sp_wire_recv(s->lchan, &m, sizeof m, fds, 4, &nfds, 0) < 0) {
		/* End of file: it is dying, and the pidfd will say when it is dead. */
		if (errno != EAGAIN) {
			unwatch(&s->lchan);
			if (s->state != SLOT_OVER) kill_launcher(s);
		}
		return;
	}
	bool fine = (s->state == SLOT_STARTING || s->state == SLOT_UP) && from_launcher(s, &m, fds, &nfds);
	while (nfds) sp_wire_drop(fds[--nfds]);
	if (!fine && s->state != SLOT_OVER) kill_launcher(s);
}

/* ---- time */

static void check_cpu(struct slot *s, int64_t now)
{
	uint64_t used = sp_cgroup_cpu_fd(s->cpu);
	used = used > s->cpu_base ? used - s->cpu_base : 0;
	if (used >= s->cpu_ns) {
		kill_run(s, SP_BOX_KILLED_CPU);
		return;
	}
	int64_t wait = (int64_t)((s->cpu_ns - used) / g.cpus);
	s->cpu_at = now + (wait < SP_NS_PER_MS ? SP_NS_PER_MS : wait);
}

static void check_slot(struct slot *s, int64_t now)
{
	if (now >= s->wall_at) kill_run(s, SP_BOX_KILLED_WALL);
	if (now >= s->cpu_at) check_cpu(s, now);
	if (now >= s->reap_at) quarantine(s);
	if (now >= s->answer_at && s->state != SLOT_OVER) kill_launcher(s);
	if (now >= s->again_at) {
		s->again_at = NEVER;
		if (s->state == SLOT_DOWN) start_again(s);
	}
}

static int64_t next_deadline(void)
{
	int64_t t = NEVER;
	for (unsigned i = 0; i < g.nslots; i++) {
		const struct slot *s = &g.slots[i];
		const int64_t all[] = {s->wall_at, s->cpu_at, s->reap_at, s->answer_at, s->again_at};
		for (size_t k = 0; k < SP_COUNT(all); k++)
			if (all[k] < t) t = all[k];
	}
	return t;
}

static void check_deadlines(void)
{
	int64_t now = sp_mono_ns();
	for (unsigned i = 0; i < g.nslots; i++) check_slot(&g.slots[i], now);
}

/* ---- start and loop */

/*
 * What a slot's namespace is charged is charged to the host's root as well, who started us: slots together get half of what it may have, so that the
 * host's own daemons never go without, and each slot the same part of it. Returns that part, and writes the sum as this namespace's own limit.
 */
static unsigned share_inotify(const char *host, const char *own, unsigned wanted)
{
	char text[32];
	sp_autoclose int in = open(host, O_RDONLY | O_CLOEXEC);
	ssize_t n = in < 0 ? -1 : read(in, text, sizeof text - 1);
	if (n <= 0) return wanted; /* a kernel without inotify */
	text[n] = 0;
	unsigned long sum = strtoul(text, NULL, 10) / 2;
	if (sum > (unsigned long)wanted * g.nslots) sum = (unsigned long)wanted * g.nslots;
	sp_autoclose int out = open(own, O_WRONLY | O_CLOEXEC);
	int len = snprintf(text, sizeof text, "%lu", sum);
	if (out < 0 || write(out, text, (size_t)len) != len) sp_die(SP_BOX_E_HOST, errno, "writing %s", own);
	return sum < g.nslots ? 1 : (unsigned)(sum / g.nslots);
}

static void hello(void)
{
	struct sp_box_msg m;
	int fds[SP_BOX_FDS_MAX];

	if (sp_box_recv(g.b->control, &m, fds) < 0) {
		if (errno == EAGAIN) return;
		_exit(errno == ECONNRESET ? 0 : 1); /* the service is gone: everything below this pid 1 dies with it */
	}
	unsigned nfds = m.nfds;
	while (nfds) sp_wire_drop(fds[--nfds]);
	if (m.type != SP_BOX_HELLO || g.nslots) sp_die(SP_BOX_E_REQUEST, 0, "unexpected message on the control channel");
	unsigned n = m.u.hello.slots;
	if (n > g.b->policy->slots_max && single() && !g.b->unsafe_rootless)
		sp_die(SP_BOX_E_HOST, 0,
		        "%u slots would all have the same user id, so that programs could reach each other (one slot can be had, and more "
		        "with "
		        "unsafe_rootless in the policy): %s",
		        n, g.b->ids->why);
	if (n < 1 || n > g.b->policy->slots_max)
		sp_die(SP_BOX_E_REQUEST, 0, "%u slots: the policy allows 1 to %u; set slots to what it allows, or raise its slots_max", n,
		        g.b->policy->slots_max);

	struct sp_err err;
	if (sp_host_open_files(n, &err) < 0 || sp_host_namespaces(g.b->limits, n, &err) < 0) sp_die(SP_BOX_E_HOST, 0, "%s", err.msg);

	g.nslots = n;
	g.instances = share_inotify("/proc/sys/fs/inotify/max_user_instances", "/proc/sys/user/max_inotify_instances", SLOT_INSTANCES);
	g.watches = share_inotify("/proc/sys/fs/inotify/max_user_watches", "/proc/sys/user/max_inotify_watches", SLOT_WATCHES);
	for (unsigned i = 0; i < n; i++) {
		struct slot *s = &g.slots[i];
		int pair[2];
		*s = (struct slot){
		        .index = i, .chan = -1, .lchan = -1, .pidfd = -1, .cpu = -1, .run = -1, .answer_at = NEVER, .again_at = NEVER};
		clear_step(s);
		if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
			sp_die(SP_BOX_E_HOST, errno, "making the slots' channels");
		s->chan = pair[0];
		g.service_end[i] = pair[1];
		fcntl(s->chan, F_SETFL, O_NONBLOCK);
		watch(s->chan, FROM_SERVICE, i);
	}
	for (unsigned i = 0; i < n; i++)
		if (start_launcher(&g.slots[i]) < 0) {
			sp_host_why_no_namespaces(errno, &err);
			sp_die(SP_BOX_E_HOST, 0, "%s", err.msg);
		}
}

static void dispatch(const struct epoll_event *e)
{
	struct slot *s = &g.slots[(e->data.u64 & 0xffffffff) % SP_BOX_SLOTS_MAX];
	switch ((enum source)(e->data.u64 >> 32)) {
	case FROM_CONTROL: hello(); break;
	case FROM_STUB: _exit(1);
	case FROM_SERVICE:
		if (s->chan >= 0) from_service(s);
		break;
	case FROM_LAUNCHER:
		if (s->lchan >= 0) read_launcher(s);
		break;
	case FROM_LAUNCHER_END:
		if (s->pidfd >= 0) launcher_gone(s);
		break;
	case FROM_LOST: lost_gone(&g.lost[e->data.u64 & 0xffffffff]); break;
	}
}

void sp_box_main(const struct sp_box *b)
{
	g.b = b;
	sp_die_to(control_sink, b->control, true);
	/* Not those that we may run on ourselves: a program can change its affinity, and only a cpuset would stop it. */
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	g.cpus = cpus > 0 ? (unsigned)cpus : 1;
	g.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (g.epoll < 0) sp_die(SP_BOX_E_HOST, errno, "epoll");
	fcntl(b->control, F_SETFL, O_NONBLOCK);
	watch(b->control, FROM_CONTROL, 0);
	watch(b->stub, FROM_STUB, 0);

	for (;;) {
		struct epoll_event events[16];
		struct timespec wait, *timeout = NULL;
		int64_t at = next_deadline();
		if (at != NEVER) {
			int64_t left = at - sp_mono_ns();
			if (left < 0) left = 0;
			wait = (struct timespec){left / SP_NS_PER_S, left % SP_NS_PER_S};
			timeout = &wait;
		}
		int n = epoll_pwait2(g.epoll, events, SP_COUNT(events), timeout, NULL);
		if (n < 0 && errno != EINTR) sp_die(SP_BOX_E_HOST, errno, "epoll_pwait2");
		for (int i = 0; i < n; i++) dispatch(&events[i]);
		if (at != NEVER) check_deadlines();
	}
}
