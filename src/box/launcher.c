/* SPDX-License-Identifier: MIT */
/*
 * The launcher of one slot. It is pid 1 of the slot's pid namespace (its death ends everything below it, in the kernel), root of the slot's user
 * namespace and of nothing else, and sits in the slot's cgroup; the containers it makes are in the right place by birth.
 *
 * One thread, blocking calls: nobody else depends on it. It works off one request after the other; while a step runs it waits for the container's
 * init, and the box, which holds a pidfd of that init and the timers, is what ends a step early.
 *
 * Untrusted bytes pass through it only as descriptors: the spec is parsed by the program-to-be, the archive by the container's init, a request to collect
 * files by the collector.
 */
#include "box/launcher.h"

#include <errno.h>
#include <malloc.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "base/clock.h"
#include "box/collect.h"
#include "box/container.h"
#include "box/die.h"
#include "box/inner.h"
#include "box/step.h"
#include "box/sys.h"
#include "box/wire.h"

/* A slot is clean when its memory is back within this much of its baseline, or is replaced after that time (box-rules.md 13). */
#define SLACK_BYTES (UINT64_C(4) << 20)
#define SETTLE_NS (100 * SP_NS_PER_MS)
/* Room that the launcher wants for itself between two steps. */
#define ELBOW_BYTES (UINT64_C(16) << 20)

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
static void write_sysctls(const struct sp_launcher *l)
{
	char instances[16], watches[16];
	snprintf(instances, sizeof instances, "%u", l->inotify_instances);
	snprintf(watches, sizeof watches, "%u", l->inotify_watches);
	/* A connection in TIME_WAIT would outlive its run and show and block its port in the next one. */
	write_sysctl("/proc/sys/net/ipv4/tcp_max_tw_buckets", "0", false);
	write_sysctl("/proc/sys/net/ipv4/tcp_no_metrics_save", "1", true);
	write_sysctl("/proc/sys/net/ipv4/tcp_fastopen", "0", true);
	/* What is charged to this namespace is charged to its ancestors too, up to the host's root: one slot may not use up everybody's. */
	write_sysctl("/proc/sys/user/max_inotify_instances", instances, true);
	write_sysctl("/proc/sys/user/max_inotify_watches", watches, true);
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

/*
 * What can be read of the network namespace's past: packets, but also what was counted without one, as a datagram that found no route. A run could
 * leave the next a number of its choice. A file that this kernel does not have counts as empty; one that cannot be read, as different each time. The hash
 * begins with a key that no program knows, so that none can choose counters that look like those of a new namespace.
 */
static uint64_t net_fingerprint(const struct sp_slot *s)
{
	uint64_t h = s->net_key, word;
	for (size_t i = 0; i < SP_COUNT(s->net); i++) {
		char text[4096];
		ssize_t n = 0;
		for (off_t at = 0; s->net[i] >= 0 && (n = pread(s->net[i], text, sizeof text, at)) > 0; at += n)
			for (ssize_t k = 0; k < n; k += (ssize_t)sizeof word) {
				word = 0;
				memcpy(&word, text + k, (size_t)(n - k) < sizeof word ? (size_t)(n - k) : sizeof word);
				h = (h ^ word) * UINT64_C(0x100000001b3);
				h ^= h >> 32;
			}
		if (n < 0) h ^= (uint64_t)sp_mono_ns();
	}
	return h;
}

static void open_net(struct sp_slot *s)
{
	static const char *const files[] = {"/proc/self/net/dev", "/proc/self/net/snmp", "/proc/self/net/snmp6", "/proc/self/net/netstat",
	        "/proc/self/net/ip6_flowlabel"};
	_Static_assert(SP_COUNT(files) == SP_COUNT(s->net), "");
	for (size_t i = 0; i < SP_COUNT(files); i++) {
		s->net[i] = open(files[i], O_RDONLY | O_CLOEXEC);
		if (s->net[i] < 0 && (i == 0 || errno != ENOENT)) sp_die(SP_BOX_E_HOST, errno, "%s", files[i]);
	}
}

/* Everything but 0–2, the channel and the cgroup directories belongs to the box or to other slots. */
static void close_foreign(const struct sp_launcher *l)
{
	int keep[4 + SP_CG_COUNT] = {0, 1, 2, l->channel};
	memcpy(keep + 4, l->cgroups.dir, sizeof l->cgroups.dir);
	sp_sys_close_but(keep, SP_COUNT(keep));
}

static void set_up(struct sp_slot *s, struct sp_launcher *l)
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
	 * allocates is charged to it; this is the one attach in the slot's life, and v2, where we were born into it, has none. */
	if (sp_cgroup_enter(&l->cgroups, l->slot, l->generation, &s->cgroups, &err) < 0) sp_die(SP_BOX_E_HOST, 0, "%s", err.msg);
	sp_cgroup_close(&l->cgroups);

	/* Safe: root of the slot's user namespace, a child of the box's, which maps three ids of no other slot. Namespaces made here belong to it, and
	 * no power in them reaches an object of the box's namespace or the host's. */
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0) sp_die(SP_BOX_E_HOST, errno, "making a network and a mount namespace");
	if (!l->single &&
	        (syscall(SYS_setgroups, 0, NULL) < 0 || syscall(SYS_setresgid, 0, 0, 0) < 0 || syscall(SYS_setresuid, 0, 0, 0) < 0))
		sp_die(SP_BOX_E_HOST, errno, "taking the slot's ids");
	/* A change of uid makes a process non-dumpable, and then its files in /proc belong to the host's root: a program-to-be could not write its
	 * oom_score_adj. Nobody else has this uid, and init and program are non-dumpable again from their own change of uid on. */
	if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0) sp_die(SP_BOX_E_HOST, errno, "PR_SET_DUMPABLE");
	/* The inherited one is the operator's. A kernel without keyrings has nothing to leave. */
	if (sp_sys_join_session_keyring() < 0 && errno != ENOSYS) sp_die(SP_BOX_E_HOST, errno, "joining a new session keyring");

	write_sysctls(l);
	raise_loopback();
	if (sp_mounts_build(&s->mounts, l->policy, &err) < 0) sp_die(SP_BOX_E_HOST, 0, "%s", err.msg);
	open_net(s);
	if (sp_container_prepare(&what) < 0) sp_die(SP_BOX_E_HOST, errno, "%s", what);

	/* What building took and gave back: each container is two forks of this process, and would carry it along and take it apart again, page by page. */
	malloc_trim(0);
	if (getrandom(&s->net_key, sizeof s->net_key, 0) != sizeof s->net_key) sp_die(SP_BOX_E_HOST, errno, "getrandom");
	s->net_new = net_fingerprint(s);
	s->tree = (struct sp_tree_size){64 << 20, 0};
	if (sp_mounts_tree_open(&s->tree, &what) < 0) sp_die(SP_BOX_E_HOST, errno, "%s", what);
	s->baseline = sp_cgroup_usage(&s->cgroups.kept);
	s->files = -1;
	s->ready = SP_PREPARED_NONE;
	m = (struct sp_inner){.type = SP_IN_UP};
	if (sp_wire_send(l->channel, &m, sizeof m, NULL, 0, 0) < 0) _exit(1);
}

/* ---- each request */

static void begin(struct sp_slot *s, const struct sp_box_begin *b, int *files)
{
	if (s->open) {
		sp_slot_refuse(s, SP_BOX_E_REQUEST, 0, "BEGIN before the END of the last");
		return;
	}
	const struct sp_tree_size size = {b->tree_bytes, b->tree_inodes};
	if (size.bytes != s->tree.bytes || size.inodes != s->tree.inodes) {
		if (sp_mounts_tree_resize(&size) < 0) {
			sp_slot_refuse(s, SP_BOX_E_SETUP, errno, "setting the size of the run's tree");
			return;
		}
		s->tree = size;
	}
	s->open = true;
	s->stepped = s->spoiled = false;
	s->files = sp_steal_fd(files);
	memcpy(s->root, b->root, sizeof s->root);
	sp_slot_answer(s, &(struct sp_inner){.type = SP_IN_BEGUN}, NULL, 0);
	/* While the service is still busy sending the step. */
	sp_slot_prepare(s);
}

/* v1: brings the slot's memory back to where it was: page cache is dropped, what dies in the kernel's background is waited for. On v2 each container
 * has a group of its own and there is nothing to bring back. */
static bool settle(const struct sp_slot *s)
{
	const struct sp_cgroup *cg = &s->cgroups.kept;
	int64_t until = sp_mono_ns() + SETTLE_NS;
	if (sp_cgroup_usage(cg) <= s->baseline + SLACK_BYTES) return true;
	for (;;) {
		sp_cgroup_force_empty(cg);
		if (sp_cgroup_usage(cg) <= s->baseline + SLACK_BYTES) return true;
		if (sp_mono_ns() >= until) return false;
		struct timespec nap = {.tv_nsec = 2000000};
		nanosleep(&nap, NULL);
	}
}

static void end(struct sp_slot *s)
{
	struct sp_inner m = {.type = SP_IN_ENDED};
	int64_t from = sp_mono_ns();
	const char *dirty = NULL;

	if (s->files >= 0) close(sp_steal_fd(&s->files));
	s->open = false;
	struct sp_cgroup *kept = &s->cgroups.kept;
	if (kept->limit_now < s->baseline + ELBOW_BYTES && sp_cgroup_set_memory(kept, UINT64_MAX) < 0)
		dirty = "the memory limit cannot be lifted";
	/* A tree that no container got an order for is as empty as it was made. Else unmounted, never deleted: no privileged process walks what a run
	 * has written. */
	if (!dirty && s->used) {
		const char *what;
		if (sp_mounts_tree_close() < 0)
			dirty = "the run's tree cannot be unmounted";
		else if (sp_mounts_tree_open(&s->tree, &what) < 0)
			dirty = what;
		s->used = false;
	}
	/* Counters, metrics and caches of a network namespace cannot be reset (box-rules.md 9). */
	if (!dirty && net_fingerprint(s) != s->net_new) dirty = "the run left traces in the network namespace";
	if (!dirty && !settle(s)) dirty = "memory of the run is still in use";
	if (!dirty && s->littered) dirty = "a run's cgroup cannot be removed";
	if (dirty) {
		m.u.ended.dirty = 1;
		snprintf(m.u.ended.reason, sizeof m.u.ended.reason, "%s", dirty);
	}
	m.u.ended.teardown_ns = (uint64_t)(sp_mono_ns() - from);
	sp_slot_answer(s, &m, NULL, 0);
	/* The next one, ahead of its request: most evaluations want the root that the last one had. */
	if (!m.u.ended.dirty) sp_slot_prepare(s);
}

void sp_launcher_main(struct sp_launcher *l)
{
	static struct sp_slot s;
	struct sp_inner m;
	int fds[2];
	unsigned nfds;

	s.l = l;
	set_up(&s, l);
	memcpy(s.root, "host", 5);
	sp_slot_prepare(&s);
	for (;;) {
		if (sp_wire_recv(l->channel, &m, sizeof m, fds, 2, &nfds, 0) < 0) _exit(0); /* the box ended, or it ends this slot */
		if (m.type == SP_IN_BEGIN) {
			int files = nfds ? fds[0] : -1;
			nfds = 0;
			begin(&s, &m.u.begin, &files);
			if (files >= 0) close(files);
		} else if (m.type == SP_IN_STEP) {
			sp_slot_step(&s, &m.u.step, fds, nfds);
		} else if (m.type == SP_IN_COLLECT) {
			sp_slot_collect(&s, &m.u.collect, fds[0]);
		} else if (m.type == SP_IN_END) {
			end(&s);
		} else {
			m.type = SP_IN_ERROR; /* REFUSE: the error comes back in its place among the answers */
			sp_slot_answer(&s, &m, NULL, 0);
		}
		while (nfds) close(fds[--nfds]);
	}
}
