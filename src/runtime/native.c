/* SPDX-License-Identifier: MIT */
/* The native runtime: the box's life (start, watch, start again) and the ops. Theory of operation: runtime/native.h. */
#include "runtime/native.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

const struct sp_native_tuning sp_native_tuning_default = {
        .start_ms = 10000,
        /* Above the 34 s that the box gives a launcher (box/slot.h): one that is stuck costs its slot, not all of them. */
        .clean_ms = 40000,
        .restart_ms = 2000,
        .grace_ms = 40000,
        .drain_ms = 200,
        .stop_ms = 2000,
        .backoff_min_ms = 200,
        .backoff_max_ms = 5000,
};

static struct sp_native *self(struct sp_runtime *r) { return (struct sp_native *)r; }

void sp_native_ring(int bell)
{
	uint64_t one = 1;
	(void)!write(bell, &one, sizeof one); /* full means that it rings already */
}

void sp_native_hush(int bell)
{
	uint64_t count;
	(void)!read(bell, &count, sizeof count);
}

static int ms_left(int64_t deadline)
{
	int64_t left = deadline - sp_mono_ns();
	return left <= 0 ? 0 : (int)(left / SP_NS_PER_MS) + 1;
}

/* --- Up and down --------------------------------------------------------- */

static void mark_down_locked(struct sp_native *n)
{
	n->up = false;
	for (int i = 0; i < n->nslots; i++) sp_native_ring(n->slots[i].bell);
	pthread_cond_broadcast(&n->changed);
}

void sp_native_broken(struct sp_native *n, uint64_t gen, const char *why)
{
	pthread_mutex_lock(&n->lock);
	bool news = n->up && n->gen == gen;
	if (news) mark_down_locked(n);
	pthread_mutex_unlock(&n->lock);
	if (!news) return;
	sp_log_error("runtime", "box lost", SP_S("reason", why));
	sp_native_ring(n->bell);
}

bool sp_native_gone(struct sp_native *n, uint64_t gen)
{
	pthread_mutex_lock(&n->lock);
	bool gone = !n->up || n->gen != gen;
	pthread_mutex_unlock(&n->lock);
	return gone;
}

static bool is_closing(struct sp_native *n)
{
	pthread_mutex_lock(&n->lock);
	bool closing = n->closing;
	pthread_mutex_unlock(&n->lock);
	return closing;
}

/* Takes what the starter says. 0 nothing, 1 something, -1 the starter is gone. */
static int hear_starter(struct sp_native *n, int timeout_ms, struct sp_starter_msg *m)
{
	struct pollfd p = {.fd = n->starter, .events = POLLIN};
	int r = poll(&p, 1, timeout_ms);

	if (r < 0 && errno != EINTR) return -1;
	if (r <= 0) return 0;
	if (sp_starter_recv(n->starter, m)) return -1;
	pthread_mutex_lock(&n->lock);
	if (m->what == SP_STARTER_STARTED) n->stub = m->value;
	if (m->what == SP_STARTER_EXITED) n->stub = 0;
	n->running = n->stub != 0;
	pthread_mutex_unlock(&n->lock);
	return 1;
}

/* Hears the starter until the box is gone or the time is over. */
static void await_exit(struct sp_native *n, int64_t deadline)
{
	struct sp_starter_msg m;

	while (n->running && hear_starter(n, ms_left(deadline), &m) >= 0) {
		if (sp_mono_ns() >= deadline) break;
	}
}

/* After this no process of the box is left, short of one that cannot be killed. It gets its time to clean up unless it is unfit. */
static void see_off(struct sp_native *n, bool now)
{
	int64_t stop = n->t.stop_ms * SP_NS_PER_MS;

	if (n->control >= 0) close(sp_steal_fd(&n->control));
	if (!now) await_exit(n, sp_mono_ns() + stop);
	if (!n->running) return;
	sp_starter_kill(n->starter);
	await_exit(n, sp_mono_ns() + 3 * stop); /* the starter takes two measures, a stop_ms each */
}

static int fail_start(struct sp_native *n, enum sp_code code, int errnum, const char *text, struct sp_err *err)
{
	see_off(n, false);
	return sp_fail(err, code, errnum, "%s", text);
}

static int fail_exec(struct sp_native *n, int errnum, struct sp_err *err)
{
	char text[160];

	if (errnum == ENOSYS || errnum == EPERM)
		return fail_start(n, SP_E_UNSUPPORTED, 0,
		        "a filter of system calls refuses execveat, by which serapis-box is started; start the service without that filter "
		        "(docker: "
		        "--security-opt seccomp=unconfined)",
		        err);
	snprintf(text, sizeof text, "serapis-box cannot be started (%s); install the one of this version and machine",
	        strerrordesc_np(errnum));
	return fail_start(n, SP_E_UNSUPPORTED, 0, text, err);
}

/* Until the starter has said whether the program runs. */
static int await_started(struct sp_native *n, int64_t deadline, struct sp_err *err)
{
	struct sp_starter_msg m;

	while (sp_mono_ns() < deadline) {
		int r = hear_starter(n, ms_left(deadline), &m);

		if (r < 0) return fail_start(n, SP_E_UNAVAILABLE, 0, "the process that starts serapis-box is gone", err);
		if (r > 0 && m.what == SP_STARTER_STARTED) return 0;
		if (r > 0 && m.what == SP_STARTER_FAILED) return fail_exec(n, m.value, err);
	}
	return fail_start(n, SP_E_TIMEOUT, 0, "serapis-box was not started in time", err);
}

/* The box's first words: READY, or why it cannot work on this host. */
static int await_ready(struct sp_native *n, int64_t deadline, struct sp_box_msg *m, int fds[SP_BOX_FDS_MAX], struct sp_err *err)
{
	for (;;) {
		struct pollfd p[2] = {{.fd = n->control, .events = POLLIN}, {.fd = n->bell, .events = POLLIN}};

		if (poll(p, 2, ms_left(deadline)) < 0 && errno != EINTR) return fail_start(n, SP_E_INTERNAL, errno, "poll", err);
		if (p[0].revents) {
			int r = sp_box_recv(n->control, m, fds);
			/* A box that went without reading HELLO resets the connection; that is reported once, ahead of the reason that it has sent. */
			if (r && errno == ECONNRESET) r = sp_box_recv(n->control, m, fds);
			if (r == 0) break;
			if (errno == EPROTO)
				return fail_start(n, SP_E_UNSUPPORTED, 0,
				        "serapis-box speaks another protocol than this program; install both of one version", err);
			if (errno != EAGAIN)
				return fail_start(n, SP_E_UNSUPPORTED, 0,
				        "serapis-box ended while it started; its messages are on standard error", err);
		}
		if (p[1].revents) {
			sp_native_hush(n->bell);
			if (is_closing(n)) return fail_start(n, SP_E_CANCELED, 0, "the runtime is being closed", err);
		}
		if (sp_mono_ns() >= deadline) return fail_start(n, SP_E_TIMEOUT, 0, "serapis-box did not become ready in time", err);
	}
	if (m->type == SP_BOX_READY && m->u.ready.slots >= 1 && m->u.ready.slots <= (unsigned)n->nslots && m->nfds == m->u.ready.slots)
		return 0;
	for (unsigned i = 0; i < m->nfds; i++) close(fds[i]);
	if (m->type != SP_BOX_ERROR) return fail_start(n, SP_E_UNSUPPORTED, 0, "serapis-box broke the protocol while it started", err);
	m->u.error.text[sizeof m->u.error.text - 1] = '\0';
	return fail_start(n, SP_E_UNSUPPORTED, 0, m->u.error.text, err); /* the text has the errno already */
}

/* One attempt. Caller: open, then the supervisor alone. */
static int start_box(struct sp_native *n, struct sp_err *err)
{
	struct sp_box_msg m = {.type = SP_BOX_HELLO, .u.hello.slots = (uint32_t)n->nslots};
	int64_t deadline = sp_mono_ns() + n->t.start_ms * SP_NS_PER_MS;
	int pair[2], fds[SP_BOX_FDS_MAX] = {0};

	if (n->running) await_exit(n, sp_mono_ns()); /* one that did not die in time may have by now */
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair))
		return sp_fail(err, SP_E_IO, errno, "socket pair for the box");
	n->control = pair[0];
	(void)fcntl(pair[1], F_SETFL, 0); /* how the box wants to wait is its own business */
	int r = sp_starter_start(n->starter, pair[1], err);
	close(pair[1]);
	if (r) {
		close(sp_steal_fd(&n->control));
		return -1;
	}
	if (await_started(n, deadline, err)) return -1;
	if (sp_box_send(n->control, &m, NULL, 0) && errno != EPIPE && errno != ECONNRESET)
		return fail_start(n, SP_E_IO, errno, "message to serapis-box", err);
	if (await_ready(n, deadline, &m, fds, err)) return -1;

	unsigned got = m.u.ready.slots;
	for (unsigned i = 0; i < got; i++) (void)fcntl(fds[i], F_SETFL, O_NONBLOCK);
	pthread_mutex_lock(&n->lock);
	n->gen++;
	n->gen_slots = (int)got;
	n->up_since = sp_mono_ns();
	n->enforced = m.u.ready.enforced;
	n->cgroup_version = m.u.ready.cgroup_version;
	n->up = true;
	for (unsigned i = 0; i < got; i++) {
		if (n->slots[i].next_chan >= 0) close(n->slots[i].next_chan);
		n->slots[i].next_chan = fds[i];
	}
	pthread_cond_broadcast(&n->changed);
	pthread_mutex_unlock(&n->lock);
	return 0;
}

/* --- The supervisor ------------------------------------------------------ */

/* Until the box is down or the runtime is being closed. True: the box is unfit (and may live). */
static bool watch(struct sp_native *n)
{
	for (;;) {
		struct pollfd p[3] = {
		        {.fd = n->control, .events = POLLIN}, {.fd = n->starter, .events = POLLIN}, {.fd = n->bell, .events = POLLIN}};
		struct sp_starter_msg s;

		if (poll(p, 3, -1) < 0 && errno != EINTR) return true;
		if (p[2].revents) {
			sp_native_hush(n->bell);
			if (is_closing(n)) return false;
			if (sp_native_gone(n, n->gen)) return true;
		}
		if (p[0].revents) {
			struct sp_box_msg m;
			int fds[SP_BOX_FDS_MAX];
			bool spoke = sp_box_recv(n->control, &m, fds) == 0;

			if (!spoke && errno == EAGAIN) continue;
			/* After READY the box has nothing to say here. */
			for (unsigned i = 0; spoke && i < m.nfds; i++) close(fds[i]);
			sp_native_broken(n, n->gen, spoke ? "it broke the protocol (control channel)" : "it died");
			return spoke;
		}
		if (p[1].revents) {
			/* The box outlives its stub only for a moment, and does not need the starter to go on. */
			if (hear_starter(n, 0, &s) >= 0) {
				if (s.what == SP_STARTER_EXITED) sp_native_broken(n, n->gen, "it ended");
				continue;
			}
			sp_log_error("runtime", "the process that starts the box is gone: a box that dies will not be replaced");
			close(sp_steal_fd(&n->starter));
		}
	}
}

/* Waits; -1 if the runtime is being closed. */
static int pause_ms(struct sp_native *n, int64_t ms)
{
	int64_t deadline = sp_mono_ns() + ms * SP_NS_PER_MS;

	do {
		struct pollfd p = {.fd = n->bell, .events = POLLIN};

		if (poll(&p, 1, ms_left(deadline)) > 0) sp_native_hush(n->bell);
		if (is_closing(n)) return -1;
	} while (sp_mono_ns() < deadline);
	return 0;
}

static void *supervise(void *arg)
{
	struct sp_native *n = arg;
	int64_t backoff = n->t.backoff_min_ms;

	for (;;) {
		bool unfit = watch(n);
		if (is_closing(n)) return NULL;
		see_off(n, unfit);
		if (n->starter < 0) {
			while (!pause_ms(n, n->t.backoff_max_ms)) {}
			return NULL;
		}
		/* A box that worked for a while is started again soon, whatever the one before did. */
		if (sp_mono_ns() - n->up_since > 2 * n->t.backoff_max_ms * SP_NS_PER_MS) backoff = n->t.backoff_min_ms;
		for (;;) {
			struct sp_err err = {0};

			if (pause_ms(n, backoff)) return NULL;
			if (start_box(n, &err) == 0) break;
			backoff = backoff * 2 < n->t.backoff_max_ms ? backoff * 2 : n->t.backoff_max_ms;
			sp_log_error("runtime", "box not started", SP_ERR(&err), SP_I("again_in_ms", backoff));
		}
		sp_log_info("runtime", "box started again", SP_I("generation", n->gen), SP_I("slots", n->gen_slots));
		backoff = backoff * 2 < n->t.backoff_max_ms ? backoff * 2 : n->t.backoff_max_ms;
	}
}

/* --- Ops: slot thread ---------------------------------------------------- */

static struct sp_native_slot *slot_of(struct sp_native *n, int slot)
{
	SP_BUG_ON(slot < 0 || slot >= n->nslots);
	return &n->slots[slot];
}

/* Gives the slot the channel of a box that is up; waits a little for one that is being started. */
static int adopt(struct sp_native *n, struct sp_native_slot *s, struct sp_err *err)
{
	int64_t deadline = sp_mono_ns() + n->t.restart_ms * SP_NS_PER_MS;
	bool here;

	pthread_mutex_lock(&n->lock);
	while (!n->up && !n->closing && sp_cond_wait_until(&n->changed, &n->lock, deadline) == 0) {}
	if (n->up && s->next_chan >= 0) {
		if (s->chan >= 0) close(s->chan);
		s->chan = sp_steal_fd(&s->next_chan);
		s->gen = n->gen;
		s->state = SP_SLOT_CLEAN;
	}
	here = n->up && s->gen == n->gen && s->state != SP_SLOT_LOST;
	pthread_mutex_unlock(&n->lock);
	return here ? 0 : sp_fail(err, SP_E_UNAVAILABLE, 0, "serapis-box is not running");
}

static int native_begin(struct sp_runtime *r, int slot, const struct sp_workspace *w, struct sp_err *err)
{
	struct sp_native *n = self(r);
	struct sp_native_slot *s = slot_of(n, slot);
	struct sp_box_msg m = {.type = SP_BOX_BEGIN, .u.begin.tree_bytes = (uint64_t)w->files_bytes};
	sp_autoclose int files = -1;

	/* First, so that an interrupt from here on counts. */
	atomic_store(&s->interrupted, false);
	sp_native_hush(s->bell);
	if (strlen(w->root) >= sizeof m.u.begin.root) return sp_fail(err, SP_E_INVALID, 0, "root name too long: %.100s", w->root);
	memcpy(m.u.begin.root, w->root, strlen(w->root));
	if (sp_native_pack_files(w->files, w->nfiles, &files, err)) return -1;
	if (adopt(n, s, err)) return -1;
	SP_BUG_ON(s->state != SP_SLOT_CLEAN && s->state != SP_SLOT_END);
	if (s->state == SP_SLOT_END && sp_native_await_ended(n, s, err)) return -1;
	/* The answer is read by the first step: one round trip less on a request's way. */
	if (sp_native_send(n, s, &m, &files, files < 0 ? 0 : 1, err)) return -1;
	s->state = SP_SLOT_BEGIN;
	return 0;
}

static int native_step(struct sp_runtime *r, int slot, const struct sp_step *st, struct sp_step_result *out, struct sp_err *err)
{
	struct sp_native *n = self(r);
	return sp_native_step(n, slot_of(n, slot), st, out, err);
}

static int native_collect(struct sp_runtime *r, int slot, const struct sp_collect *c, const struct sp_patterns *patterns,
        struct sp_collect_result *out, struct sp_err *err)
{
	struct sp_native *n = self(r);
	return sp_native_collect(n, slot_of(n, slot), c, patterns, out, err);
}

static void native_end(struct sp_runtime *r, int slot)
{
	struct sp_native *n = self(r);
	struct sp_native_slot *s = slot_of(n, slot);
	struct sp_box_msg m = {.type = SP_BOX_END};

	if (s->state == SP_SLOT_BEGIN || s->state == SP_SLOT_BEGUN || s->state == SP_SLOT_FAILED) {
		if (sp_native_send(n, s, &m, NULL, 0, NULL) == 0) s->state = SP_SLOT_END;
	}
	atomic_store(&s->interrupted, false);
}

/* --- Ops: any thread ----------------------------------------------------- */

static void native_interrupt(struct sp_runtime *r, int slot)
{
	struct sp_native_slot *s = slot_of(self(r), slot);

	atomic_store(&s->interrupted, true);
	sp_native_ring(s->bell);
}

static void native_info(struct sp_runtime *r, struct sp_runtime_info *out)
{
	static const struct {
		unsigned box, ours;
	} bits[] = {
	        {SP_BOX_ENF_IDS, SP_ENFORCED_IDS},
	        {SP_BOX_ENF_MEMORY, SP_ENFORCED_MEMORY},
	        {SP_BOX_ENF_PIDS, SP_ENFORCED_PIDS},
	        {SP_BOX_ENF_CPU, SP_ENFORCED_CPU},
	        {SP_BOX_ENF_SECCOMP, SP_ENFORCED_SECCOMP},
	        {SP_BOX_ENF_NET, SP_ENFORCED_NETWORK},
	};
	struct sp_native *n = self(r);

	pthread_mutex_lock(&n->lock);
	out->slots = n->nslots;
	for (size_t i = 0; i < SP_COUNT(bits); i++) {
		if (n->enforced & bits[i].box) out->enforced |= bits[i].ours;
	}
	snprintf(out->name, sizeof out->name, "native");
	if (n->cgroup_version)
		snprintf(out->isolation, sizeof out->isolation, "cgroup v%u, %s", n->cgroup_version,
		        n->enforced & SP_BOX_ENF_IDS ? "own user ids a slot" : "one user id");
	else
		snprintf(out->isolation, sizeof out->isolation, "no cgroup, %s",
		        n->enforced & SP_BOX_ENF_IDS ? "own user ids a slot" : "one user id");
	pthread_mutex_unlock(&n->lock);
}

static int native_healthy_slots(struct sp_runtime *r)
{
	struct sp_native *n = self(r);

	pthread_mutex_lock(&n->lock);
	int healthy = n->up ? n->gen_slots : 0;
	pthread_mutex_unlock(&n->lock);
	int64_t since = sp_mono_ns() - SP_NATIVE_DOWN_NS;
	for (int i = 0; i < n->nslots && healthy > 0; i++) {
		int64_t down = atomic_load(&n->slots[i].down_ns);
		if (down && down > since) healthy--;
	}
	return healthy;
}

/* --- Open and close ------------------------------------------------------ */

static void native_close(struct sp_runtime *r)
{
	struct sp_native *n = self(r);

	pthread_mutex_lock(&n->lock);
	n->closing = true;
	n->up = false;
	pthread_cond_broadcast(&n->changed);
	pthread_mutex_unlock(&n->lock);
	if (n->supervised) {
		sp_native_ring(n->bell);
		pthread_join(n->supervisor, NULL);
	}
	if (n->starter >= 0) {
		see_off(n, false);
		close(n->starter);
	} else if (n->control >= 0) {
		close(n->control);
	}
	if (n->starter_pid > 0) {
		while (waitpid(n->starter_pid, NULL, 0) < 0 && errno == EINTR) {}
	}
	for (int i = 0; i < n->nslots; i++) {
		struct sp_native_slot *s = &n->slots[i];

		if (s->chan >= 0) close(s->chan);
		if (s->next_chan >= 0) close(s->next_chan);
		if (s->bell >= 0) close(s->bell);
		free(s->buf);
	}
	if (n->bell >= 0) close(n->bell);
	pthread_cond_destroy(&n->changed);
	pthread_mutex_destroy(&n->lock);
	free(n->slots);
	free(n);
}

static const struct sp_runtime_ops native_ops = {
        .name = "native",
        .info = native_info,
        .begin = native_begin,
        .step = native_step,
        .collect = native_collect,
        .end = native_end,
        .interrupt = native_interrupt,
        .healthy_slots = native_healthy_slots,
        .close = native_close,
};

static struct sp_native *make(int slots, const struct sp_native_tuning *t)
{
	struct sp_native *n = sp_new(struct sp_native);

	n->super.ops = &native_ops;
	n->t = *t;
	n->nslots = slots;
	n->slots = sp_calloc((size_t)slots, sizeof *n->slots);
	n->starter = n->control = -1;
	n->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_mutex_init(&n->lock, NULL);
	sp_cond_init(&n->changed);
	for (int i = 0; i < slots; i++) {
		n->slots[i] = (struct sp_native_slot){.chan = -1, .next_chan = -1, .state = SP_SLOT_LOST};
		n->slots[i].bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	}
	return n;
}

static int start_supervisor(struct sp_native *n, struct sp_err *err)
{
	sigset_t all, before;

	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int e = pthread_create(&n->supervisor, NULL, supervise, n);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (e) return sp_fail(err, SP_E_INTERNAL, e, "thread for the box's supervisor");
	n->supervised = true;
	return 0;
}

struct sp_runtime *sp_native_open(const struct sp_runtime_options *opt, const struct sp_native_tuning *t, struct sp_err *err)
{
	sp_autoclose int box = sp_starter_find_box(opt->box_path, err);
	if (box < 0) return NULL;

	struct sp_native *n = make(opt->slots, t);
	bool bells = n->bell >= 0;
	for (int i = 0; i < n->nslots; i++) bells = bells && n->slots[i].bell >= 0;
	if (!bells) {
		sp_fail(err, SP_E_IO, errno, "eventfd");
		goto failed;
	}
	n->starter = sp_starter_fork(box, opt->policy_path, &n->starter_pid, t->stop_ms, err);
	if (n->starter < 0 || start_box(n, err)) goto failed;
	/* The policy may allow fewer than were asked for. */
	for (int i = n->gen_slots; i < n->nslots; i++) close(n->slots[i].bell);
	n->nslots = n->gen_slots;
	if (start_supervisor(n, err)) goto failed;
	return &n->super;
failed:
	native_close(&n->super);
	return NULL;
}

/* --- For tests ----------------------------------------------------------- */

pid_t sp_native_starter_pid(struct sp_runtime *r) { return self(r)->starter_pid; }

pid_t sp_native_stub_pid(struct sp_runtime *r)
{
	struct sp_native *n = self(r);

	pthread_mutex_lock(&n->lock);
	pid_t pid = n->stub;
	pthread_mutex_unlock(&n->lock);
	return pid;
}

pid_t sp_native_box_pid(struct sp_runtime *r)
{
	pid_t stub = sp_native_stub_pid(r), kid;

	return stub && sp_starter_children(stub, &kid, 1) == 1 ? kid : stub;
}
