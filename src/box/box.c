/* SPDX-License-Identifier: MIT */
/*
 * The box: one thread, one epoll loop, no call that waits for anything but epoll. It checks what comes from the service against the policy, passes it
 * to the slot's launcher, passes the answers back, and ends steps by pidfd when their time is over.
 *
 * This file starts it and waits; a slot's life is in slot.c, the service's requests in slot_request.c, the launchers' answers in slot_answer.c, deadlines
 * and kills in slot_time.c.
 */
#include "box/box.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/clock.h"
#include "box/container.h"
#include "box/die.h"
#include "box/slot.h"
#include "box/wire.h"

#define SLOT_WATCHES 4096

struct sp_box_state sp_the_box;

void sp_box_watch(int fd, enum sp_box_source source, unsigned index)
{
	struct epoll_event e = {.events = EPOLLIN, .data.u64 = (uint64_t)source << 32 | index};
	if (epoll_ctl(sp_the_box.epoll, EPOLL_CTL_ADD, fd, &e) < 0) sp_die(SP_BOX_E_HOST, errno, "epoll");
}

void sp_box_control_sink(int fd, const struct sp_box_error *e)
{
	struct sp_box_msg m = {.type = SP_BOX_ERROR, .u.error = *e};
	(void)!sp_box_send(fd, &m, NULL, 0);
}

void sp_box_close(int *fd)
{
	if (*fd >= 0) sp_wire_drop(sp_steal_fd(fd)); /* some came from launchers, which programs may have subverted */
}

void sp_box_unwatch(int *fd)
{
	if (*fd < 0) return;
	epoll_ctl(sp_the_box.epoll, EPOLL_CTL_DEL, *fd, NULL);
	sp_box_close(fd);
}

bool sp_box_single(void) { return sp_the_box.b->ids->kind == SP_IDS_SINGLE; }

void sp_box_maybe_ready(void)
{
	for (unsigned i = 0; i < sp_the_box.nslots; i++)
		if (sp_the_box.slots[i].state != SP_BOXSLOT_UP) return;
	struct sp_box_msg m = {.type = SP_BOX_READY};
	m.u.ready = (struct sp_box_ready){.slots = sp_the_box.nslots,
	        .enforced = (sp_box_single() ? 0u : SP_BOX_ENF_IDS) | SP_BOX_ENF_NET | (sp_seccomp_present() ? SP_BOX_ENF_SECCOMP : 0u) |
	                    (sp_the_box.b->cgroups->version ? SP_BOX_ENF_MEMORY | SP_BOX_ENF_PIDS | SP_BOX_ENF_CPU : 0u),
	        .cgroup_version = sp_the_box.b->cgroups->version};
	if (sp_box_send(sp_the_box.b->control, &m, sp_the_box.service_end, sp_the_box.nslots) < 0) _exit(1);
	for (unsigned i = 0; i < sp_the_box.nslots; i++) sp_box_close(&sp_the_box.service_end[i]);
	sp_the_box.ready = true;
}

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
	if (sum > (unsigned long)wanted * sp_the_box.nslots) sum = (unsigned long)wanted * sp_the_box.nslots;
	sp_autoclose int out = open(own, O_WRONLY | O_CLOEXEC);
	int len = snprintf(text, sizeof text, "%lu", sum);
	if (out < 0 || write(out, text, (size_t)len) != len) sp_die(SP_BOX_E_HOST, errno, "writing %s", own);
	return sum < sp_the_box.nslots ? 1 : (unsigned)(sum / sp_the_box.nslots);
}

static void hello(void)
{
	struct sp_box_msg m;
	int fds[SP_BOX_FDS_MAX];

	if (sp_box_recv(sp_the_box.b->control, &m, fds) < 0) {
		if (errno == EAGAIN) return;
		_exit(errno == ECONNRESET ? 0 : 1); /* the service is gone: everything below this pid 1 dies with it */
	}
	unsigned nfds = m.nfds;
	while (nfds) sp_wire_drop(fds[--nfds]);
	if (m.type != SP_BOX_HELLO || sp_the_box.nslots) sp_die(SP_BOX_E_REQUEST, 0, "unexpected message on the control channel");
	unsigned n = m.u.hello.slots;
	if (n > sp_the_box.b->policy->slots_max && sp_box_single() && !sp_the_box.b->unsafe_rootless)
		sp_die(SP_BOX_E_HOST, 0,
		        "%u slots would all have the same user id, so that programs could reach each other: use one slot, start as root, "
		        "or allow "
		        "it with --unsafe-rootless, or by unsafe_rootless in the policy (%s)",
		        n, sp_the_box.b->ids->why);
	if (n < 1 || n > sp_the_box.b->policy->slots_max)
		sp_die(SP_BOX_E_REQUEST, 0, "%u slots: the policy allows 1 to %u", n, sp_the_box.b->policy->slots_max);

	sp_the_box.nslots = n;
	sp_the_box.instances =
	        share_inotify("/proc/sys/fs/inotify/max_user_instances", "/proc/sys/user/max_inotify_instances", SP_BOX_SLOT_INOTIFY);
	sp_the_box.watches = share_inotify("/proc/sys/fs/inotify/max_user_watches", "/proc/sys/user/max_inotify_watches", SLOT_WATCHES);
	for (unsigned i = 0; i < n; i++) {
		struct sp_boxslot *s = &sp_the_box.slots[i];
		int pair[2];
		*s = (struct sp_boxslot){.index = i,
		        .chan = -1,
		        .lchan = -1,
		        .pidfd = -1,
		        .cpu = -1,
		        .run = -1,
		        .answer_at = SP_NEVER,
		        .again_at = SP_NEVER};
		sp_boxslot_clear_step(s);
		if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
			sp_die(SP_BOX_E_HOST, errno, "making the slots' channels");
		s->chan = pair[0];
		sp_the_box.service_end[i] = pair[1];
		fcntl(s->chan, F_SETFL, O_NONBLOCK);
		sp_box_watch(s->chan, SP_BOX_FROM_SERVICE, i);
	}
	for (unsigned i = 0; i < n; i++)
		if (sp_boxslot_start(&sp_the_box.slots[i]) < 0)
			sp_die(SP_BOX_E_HOST, errno, "making a user namespace for a slot (is user.max_user_namespaces too low?)");
}

static void dispatch(const struct epoll_event *e)
{
	struct sp_boxslot *s = &sp_the_box.slots[(e->data.u64 & 0xffffffff) % SP_BOX_SLOTS_MAX];
	switch ((enum sp_box_source)(e->data.u64 >> 32)) {
	case SP_BOX_FROM_CONTROL: hello(); break;
	case SP_BOX_FROM_STUB: _exit(1);
	case SP_BOX_FROM_SERVICE:
		if (s->chan >= 0) sp_boxslot_from_service(s);
		break;
	case SP_BOX_FROM_LAUNCHER:
		if (s->lchan >= 0) sp_boxslot_from_launcher(s);
		break;
	case SP_BOX_FROM_LAUNCHER_END:
		if (s->pidfd >= 0) sp_boxslot_launcher_gone(s);
		break;
	case SP_BOX_FROM_LOST: sp_boxslot_lost_gone(&sp_the_box.lost[e->data.u64 & 0xffffffff]); break;
	}
}

void sp_box_main(const struct sp_box *b)
{
	sp_the_box.b = b;
	sp_die_to(sp_box_control_sink, b->control, true);
	/* Not those that we may run on ourselves: a program can change its affinity, and only a cpuset would stop it. */
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	sp_the_box.cpus = cpus > 0 ? (unsigned)cpus : 1;
	sp_the_box.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (sp_the_box.epoll < 0) sp_die(SP_BOX_E_HOST, errno, "epoll");
	fcntl(b->control, F_SETFL, O_NONBLOCK);
	sp_box_watch(b->control, SP_BOX_FROM_CONTROL, 0);
	sp_box_watch(b->stub, SP_BOX_FROM_STUB, 0);

	for (;;) {
		struct epoll_event events[16];
		struct timespec wait, *timeout = NULL;
		int64_t at = sp_box_next_deadline();
		if (at != SP_NEVER) {
			int64_t left = at - sp_mono_ns();
			if (left < 0) left = 0;
			wait = (struct timespec){left / SP_NS_PER_S, left % SP_NS_PER_S};
			timeout = &wait;
		}
		int n = epoll_pwait2(sp_the_box.epoll, events, SP_COUNT(events), timeout, NULL);
		if (n < 0 && errno != EINTR) sp_die(SP_BOX_E_HOST, errno, "epoll_pwait2");
		for (int i = 0; i < n; i++) dispatch(&events[i]);
		if (at != SP_NEVER) sp_box_check_deadlines();
	}
}
