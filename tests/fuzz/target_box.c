/* SPDX-License-Identifier: MIT */
/*
 * The box's loop between a service and launchers that say what they like: box.c, slot*.c, wire.c. Everything is there but the processes (box_world.h).
 *
 * The input is lines; the box has its turn at the end of each. An "S" in front: all ids are one. Then letters, most with a digit for the slot (any byte: its low bits count):
 *
 *   h N  HELLO for N slots    H PIECE FDS  any packet on the control channel    C  closes it    Y  the stub is gone
 *   b S V  BEGIN (V 1: with files)   s S V  STEP (V 1: merged, 2: with stdin)   o S  COLLECT   e S  END   k S  KILL   c S  closes the channel   z S  reads no answers from now on
 *   m S T PIECE FDS  a message of type T with any body     r S PIECE FDS  any packet
 *   l S  the launcher does the next thing that an honest one does    L S T PIECE FDS  it says what it likes
 *   d S  it dies    w S  it does not die of SIGKILL    W  all that should have died dies
 *   f N  the next N clones fail    F  id maps can (not) be written    t K  time passes    T  up to the next deadline
 *
 * PIECE: a length and as many bytes. FDS: letters up to a '.', see give().
 *
 * Holds: answers come in order, one to each request, and are such that the service's side takes them (a launcher that lies ends its own slot, and never makes the service give up the box); a channel is closed for a breach of the protocol and
 * only for that; what reaches a launcher is within the policy; no two living launchers share an id; there is a deadline for whatever is awaited, and none that is over and kept; no descriptor is lost. When all that is wrong has stopped, every
 * request has its answer within bounds.
 */
#include "box_world.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "box/launcher.h"
#include "box/wire.h"

#define SLOTS 3
#define QUEUE 64
#define SETTLE_ROUNDS 48

static struct sp_policy policy;
static struct sp_host_limits limits;
static struct sp_cgroup_base no_cgroups;
static struct sp_ids ids;
static struct sp_box box;

/* Descriptors to be sent, made once. */
static struct {
	int files, spec, input, unsealed, empty, large, directory, null, socket;
} any;

struct client { /* the service's side of a slot */
	int chan;
	bool broke, may_end, lazy;
	struct {
		uint32_t type;
		unsigned pipes; /* of what runs; 0: nothing does */
		bool started, asked;
	} sent[QUEUE]; /* without an answer */
	unsigned n;
};

static struct {
	struct fz z;
	struct client clients[SLOTS];
	int control, stub; /* our ends */
	bool ready, may_exit;
	bool liar[BW_PROCS];
	struct bw_proc *init[BW_PROCS]; /* of the step that an honest launcher runs */
	unsigned settling;
} t;

static int memfd(size_t size, bool sealed)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	FZ_CHECK(fd >= 0 && ftruncate(fd, (off_t)size) == 0);
	if (sealed) FZ_CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) == 0);
	return fd;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct sp_err err;
	int pair[2];

	/* As few ids as the slots can do with. */
	FZ_CHECK(sp_policy_parse(&policy, "policy", "slots_max 3\nids 5000 19\nmemory_max 64MiB\nwall_max 20s\ncpu_max 10s\n", &err) == 0);
	for (int i = 0; i < SP_CG_COUNT; i++) no_cgroups.dir[i] = no_cgroups.parent[i] = -1;
	any.files = memfd(100, true);
	any.spec = memfd(64, true);
	any.input = memfd(10, true);
	any.unsealed = memfd(10, false);
	any.empty = memfd(0, true);
	any.large = memfd(SP_BOX_FILES_BYTES_MAX + 1, true);
	any.directory = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	any.null = open("/dev/null", O_RDWR | O_CLOEXEC);
	FZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	any.socket = pair[0];
	return 0;
}

/* ---- descriptors to give */

struct gift {
	int fds[SP_BOX_FDS_MAX];
	bool own[SP_BOX_FDS_MAX];
	unsigned n;
};

static void add(struct gift *g, int fd, bool own)
{
	if (g->n == SP_BOX_FDS_MAX) {
		if (own) close(fd);
		return;
	}
	g->own[g->n] = own;
	g->fds[g->n++] = fd;
}

static void add_pipe(struct gift *g)
{
	int p[2];
	FZ_CHECK(pipe2(p, O_CLOEXEC) == 0);
	close(p[1]);
	add(g, p[0], true);
}

static struct bw_proc *add_init(struct gift *g)
{
	int pidfd;
	struct bw_proc *p = bw_born(false, &pidfd);
	if (p) add(g, pidfd, true);
	return p;
}

static void give(struct gift *g)
{
	g->n = 0;
	while (t.z.n) {
		switch (fz_u8(&t.z)) {
		case 'p': add_pipe(g); break;
		case 'i': add_init(g); break;
		case 'f': add(g, any.files, false); break;
		case 's': add(g, any.spec, false); break;
		case 'u': add(g, any.unsealed, false); break;
		case 'e': add(g, any.empty, false); break;
		case 'l': add(g, any.large, false); break;
		case 'd': add(g, any.directory, false); break;
		case 'n': add(g, any.null, false); break;
		case 'k': add(g, any.socket, false); break;
		case '*':
			for (int i = 0; i < 20; i++) add(g, any.null, false);
			break;
		default: return;
		}
	}
}

static void forget(struct gift *g)
{
	while (g->n) {
		g->n--;
		if (g->own[g->n]) close(g->fds[g->n]);
	}
}

static void put(int sock, const void *p, size_t n, struct gift *g)
{
	if (sock >= 0 && sp_wire_send(sock, p, n, g->fds, g->n, MSG_DONTWAIT) < 0)
		FZ_CHECK(errno == EAGAIN || errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN || errno == ETOOMANYREFS);
	forget(g);
}

/* ---- the service */

static bool sealed(int fd, uint64_t max)
{
	uint64_t size;
	return sp_box_check_sealed(fd, max, &size) == 0;
}

/* What protocol.h calls a protocol error is written down here once more. */
static bool by_protocol(const struct sp_box_msg *m, unsigned nfds)
{
	if (m->magic != SP_BOX_MAGIC || m->version != SP_BOX_VERSION || m->nfds != nfds) return false;
	switch (m->type) {
	case SP_BOX_BEGIN: return nfds <= 1;
	case SP_BOX_STEP: return nfds == 1 || nfds == 2;
	case SP_BOX_COLLECT: return nfds == 1;
	case SP_BOX_KILL:
	case SP_BOX_END: return nfds == 0;
	default: return false;
	}
}

static void note_sent(struct client *c, const struct sp_box_msg *m)
{
	if (m->type == SP_BOX_KILL) {
		for (unsigned i = 0; i < c->n; i++) c->sent[i].asked = true;
		return;
	}
	FZ_CHECK(c->n < QUEUE);
	c->sent[c->n].type = m->type;
	c->sent[c->n].pipes = m->type == SP_BOX_COLLECT ? 1 : m->type != SP_BOX_STEP ? 0 : m->u.step.flags & SP_BOX_STEP_MERGE ? 1 : 2;
	c->sent[c->n].started = c->sent[c->n].asked = false;
	/* As seen from here: the box may have answered some that were not read. */
	if (++c->n > SP_BOX_PENDING_MAX) c->may_end = true;
}

static void client_send(struct client *c, struct sp_box_msg *m, struct gift *g)
{
	if (c->chan < 0 || c->broke || c->n == QUEUE) {
		forget(g);
		return;
	}
	if (sp_wire_send(c->chan, m, sizeof *m, g->fds, g->n, MSG_DONTWAIT) == 0) {
		if (by_protocol(m, g->n))
			note_sent(c, m);
		else
			c->broke = true;
	}
	forget(g);
}

static void client_request(struct client *c, uint32_t type, uint8_t variant)
{
	struct sp_box_msg m = {.magic = SP_BOX_MAGIC, .version = SP_BOX_VERSION, .type = type};
	struct gift g = {.n = 0};

	if (type == SP_BOX_BEGIN) {
		m.u.begin = (struct sp_box_begin){.root = "host", .tree_bytes = 1 << 20};
		if (variant & 1) add(&g, any.files, false);
	} else if (type == SP_BOX_STEP) {
		m.u.step = (struct sp_box_step){.flags = variant & 1,
		        .processes = 4,
		        .wall_ns = 5 * SP_NS_PER_S,
		        .cpu_ns = SP_NS_PER_S,
		        .memory_bytes = 16 << 20,
		        .open_files = 16};
		add(&g, any.spec, false);
		if (variant & 2) add(&g, any.input, false);
	} else if (type == SP_BOX_COLLECT) {
		m.u.collect = (struct sp_box_collect){
		        .wall_ns = SP_NS_PER_S, .cpu_ns = SP_NS_PER_S, .file_bytes = 1000, .total_bytes = 5000, .files = 4, .depth = 3};
		add(&g, any.spec, false);
	}
	m.nfds = g.n;
	client_send(c, &m, &g);
}

/* Any message: right as a packet, everything else as the input says. */
static void client_message(struct client *c)
{
	struct sp_box_msg m = {.magic = SP_BOX_MAGIC, .version = SP_BOX_VERSION, .type = fz_u8(&t.z) & 0x7f};
	struct fz body = fz_piece(&t.z, sizeof m.u, false);
	struct gift g;

	memcpy(&m.u, body.p ? body.p : (const uint8_t *)"", body.n);
	give(&g);
	m.nfds = g.n;
	client_send(c, &m, &g);
}

static void client_raw(struct client *c)
{
	struct fz body = fz_piece(&t.z, 2048, true);
	struct sp_box_msg m;
	struct gift g;

	give(&g);
	if (c->chan >= 0 && !c->broke && c->n < QUEUE &&
	        sp_wire_send(c->chan, body.p ? body.p : (const uint8_t *)"", body.n, g.fds, g.n, MSG_DONTWAIT) == 0) {
		if (body.n == sizeof m) memcpy(&m, body.p, sizeof m);
		/* An empty packet reads as the end of the channel. */
		if (body.n == sizeof m && by_protocol(&m, g.n))
			note_sent(c, &m);
		else
			c->broke = true;
	}
	forget(&g);
}

static void check_done(const struct sp_box_done *d, bool asked)
{
	FZ_CHECK((d->ended == SP_BOX_EXITED && d->code >= 0 && d->code <= 255) ||
	         (d->ended == SP_BOX_SIGNALED && d->code >= 1 && d->code <= 64));
	FZ_CHECK(d->killed_by <= SP_BOX_KILLED_SERVICE && (d->killed_by != SP_BOX_KILLED_SERVICE || asked));
	FZ_CHECK(d->cpu_ns <= SP_BOX_FIGURE_MAX && d->wall_ns <= SP_BOX_FIGURE_MAX && d->setup_ns <= SP_BOX_FIGURE_MAX &&
	         d->memory_peak <= SP_BOX_FIGURE_MAX);
}

/* One answer, as the service's side would look at it (src/runtime/native_io.c). */
static void check_answer(struct client *c, const struct sp_box_msg *m, const int *fds)
{
	FZ_CHECK(c->n > 0);
	uint32_t type = c->sent[0].type;
	if (m->type == SP_BOX_STARTED) {
		FZ_CHECK(c->sent[0].pipes && !c->sent[0].started && m->nfds == c->sent[0].pipes);
		for (unsigned i = 0; i < m->nfds; i++) FZ_CHECK(fcntl(fds[i], F_GETPIPE_SZ) > 0);
		c->sent[0].started = true;
		return;
	}
	switch (m->type) {
	case SP_BOX_BEGUN: FZ_CHECK(type == SP_BOX_BEGIN); break;
	case SP_BOX_DONE:
		FZ_CHECK(c->sent[0].pipes && c->sent[0].started);
		check_done(&m->u.done, c->sent[0].asked);
		break;
	case SP_BOX_ENDED:
		FZ_CHECK(type == SP_BOX_END);
		FZ_CHECK(!(m->u.ended.flags & ~(uint32_t)(SP_BOX_ENDED_REPLACED | SP_BOX_ENDED_QUARANTINED | SP_BOX_ENDED_DOWN)));
		break;
	case SP_BOX_ERROR:
		FZ_CHECK(type != SP_BOX_END);
		FZ_CHECK(m->u.error.code >= SP_BOX_E_REQUEST && m->u.error.code <= SP_BOX_E_HOST);
		FZ_CHECK(memchr(m->u.error.text, 0, sizeof m->u.error.text));
		break;
	default: fz_failed(__FILE__, __LINE__, "an answer of a type that is none");
	}
	memmove(c->sent, c->sent + 1, --c->n * sizeof c->sent[0]);
}

static void client_read(struct client *c)
{
	struct sp_box_msg m;
	int fds[SP_BOX_FDS_MAX];

	while (c->chan >= 0) {
		if (sp_box_recv(c->chan, &m, fds) == 0) {
			check_answer(c, &m, fds);
			for (unsigned i = 0; i < m.nfds; i++) close(fds[i]);
			continue;
		}
		if (errno == EAGAIN) break;
		FZ_CHECK(errno == ECONNRESET);
		FZ_CHECK(c->broke || c->may_end); /* it closes the channel of nobody who keeps to the protocol */
		close(sp_steal_fd(&c->chan));
	}
	FZ_CHECK(c->chan < 0 || !c->broke); /* and of everybody who does not */
}

static void read_control(void)
{
	struct sp_box_msg m;
	int fds[SP_BOX_FDS_MAX];

	while (t.control >= 0 && sp_box_recv(t.control, &m, fds) == 0) {
		if (m.type == SP_BOX_ERROR) {
			FZ_CHECK(memchr(m.u.error.text, 0, sizeof m.u.error.text));
			t.may_exit = true;
			continue;
		}
		FZ_CHECK(m.type == SP_BOX_READY && !t.ready && m.nfds == sp_the_box.nslots && m.u.ready.slots == m.nfds && m.nfds <= SLOTS);
		t.ready = true;
		for (unsigned i = 0; i < m.nfds; i++) {
			t.clients[i].chan = fds[i];
			FZ_CHECK(fcntl(fds[i], F_SETFL, O_NONBLOCK) == 0);
		}
	}
}

/* ---- launchers */

static struct bw_proc *launcher_of(unsigned slot)
{
	if (slot >= sp_the_box.nslots || sp_the_box.slots[slot].pidfd < 0) return NULL;
	for (unsigned i = 0; i < bw.nprocs; i++)
		if (bw.procs[i].pid == sp_the_box.slots[slot].pid) return bw.procs[i].chan >= 0 ? &bw.procs[i] : NULL;
	return NULL;
}

static void check_inner(const struct sp_inner *m, const int *fds, unsigned n)
{
	switch (m->type) {
	case SP_IN_GO:
	case SP_IN_END: FZ_CHECK(n == 0); break;
	case SP_IN_REFUSE: FZ_CHECK(n == 0 && m->u.error.code == SP_BOX_E_REQUEST && m->u.error.text[0]); break;
	case SP_IN_BEGIN:
		FZ_CHECK(n <= 1 && !sp_policy_check_begin(&policy, &m->u.begin));
		if (n) FZ_CHECK(sealed(fds[0], SP_BOX_FILES_BYTES_MAX));
		break;
	case SP_IN_STEP:
		FZ_CHECK((n == 1 || n == 2) && !sp_policy_check_step(&policy, &m->u.step));
		FZ_CHECK(sealed(fds[0], SP_BOX_SPEC_BYTES_MAX) && (n == 1 || sealed(fds[1], SP_BOX_STDIN_BYTES_MAX)));
		break;
	case SP_IN_COLLECT:
		FZ_CHECK(n == 1 && !sp_policy_check_collect(&policy, &m->u.collect) && sealed(fds[0], SP_BOX_REQUEST_BYTES_MAX));
		break;
	default: fz_failed(__FILE__, __LINE__, "a launcher is sent what is no request");
	}
}

static void answer(struct bw_proc *p, struct sp_inner *m, struct gift *g) { put(p->chan, m, sizeof *m, g); }

static void honest(struct bw_proc *p)
{
	struct sp_inner m, out = {0};
	struct gift g = {.n = 0};
	int fds[4];
	unsigned n;
	struct bw_proc **init = &t.init[p - bw.procs];

	if (*init) {
		out.type = SP_IN_DONE;
		out.u.done.reported = !(*init)->killed;
		out.u.done.done = (struct sp_box_done){
		        .ended = (*init)->killed ? SP_BOX_SIGNALED : SP_BOX_EXITED, .code = (*init)->killed ? SIGKILL : 3};
		bw_die(*init);
		*init = NULL;
		answer(p, &out, &g);
		return;
	}
	if (sp_wire_recv(p->chan, &m, sizeof m, fds, 4, &n, MSG_DONTWAIT) < 0) return;
	check_inner(&m, fds, n);
	while (n) close(fds[--n]);
	switch (m.type) {
	case SP_IN_GO: out.type = SP_IN_UP; break;
	case SP_IN_BEGIN: out.type = SP_IN_BEGUN; break;
	case SP_IN_END: out.type = SP_IN_ENDED; break;
	case SP_IN_STEP:
	case SP_IN_COLLECT:
		*init = add_init(&g);
		if (!*init) return;
		out.type = SP_IN_STARTED;
		out.u.started.exec_ns = bw.now_ns;
		add_pipe(&g);
		if (m.type == SP_IN_STEP && !(m.u.step.flags & SP_BOX_STEP_MERGE)) add_pipe(&g);
		break;
	default:
		out = m;
		out.type = SP_IN_ERROR;
		break;
	}
	answer(p, &out, &g);
}

static void lie(struct bw_proc *p)
{
	struct sp_inner m = {.type = fz_u8(&t.z) & 0x7f};
	struct fz body = fz_piece(&t.z, sizeof m.u, false);
	struct gift g;

	memcpy(&m.u, body.p ? body.p : (const uint8_t *)"", body.n);
	give(&g);
	if (p) {
		t.liar[p - bw.procs] = true;
		answer(p, &m, &g);
	} else {
		forget(&g);
	}
}

static void all_that_should_die(void)
{
	for (unsigned i = 0; i < bw.nprocs; i++) {
		bw.procs[i].stubborn = false;
		if (bw.procs[i].killed) bw_die(&bw.procs[i]);
	}
}

/* ---- what holds whenever the box waits */

static bool has_deadline(const struct sp_boxslot *s)
{
	switch (s->state) {
	case SP_BOXSLOT_STARTING: return s->answer_at != SP_NEVER;
	case SP_BOXSLOT_DYING: return s->reap_at != SP_NEVER;
	case SP_BOXSLOT_DOWN: return s->again_at != SP_NEVER;
	case SP_BOXSLOT_UP:
		if (s->run >= 0) return s->wall_at != SP_NEVER || s->reap_at != SP_NEVER;
		return s->npending == 0 || s->answer_at != SP_NEVER;
	case SP_BOXSLOT_OVER: return s->answer_at == SP_NEVER && s->again_at == SP_NEVER && s->wall_at == SP_NEVER && s->cpu_at == SP_NEVER;
	}
	return false;
}

static void check_ids(void)
{
	unsigned taken[SLOTS + SP_BOXLOST_MAX], n = 0;

	if (sp_box_single()) return;
	for (unsigned i = 0; i < sp_the_box.nslots; i++)
		if (sp_the_box.slots[i].pidfd >= 0) taken[n++] = sp_the_box.slots[i].ids;
	for (unsigned i = 0; i < SP_BOXLOST_MAX; i++)
		if (sp_the_box.lost[i].pid) taken[n++] = sp_the_box.lost[i].ids;
	for (unsigned i = 0; i < n; i++) {
		FZ_CHECK(taken[i] >= 1 && taken[i] + SP_SLOT_IDS <= policy.ids_count);
		for (unsigned k = 0; k < i; k++) FZ_CHECK(taken[k] + SP_SLOT_IDS <= taken[i] || taken[i] + SP_SLOT_IDS <= taken[k]);
	}
}

static void check_state(void)
{
	for (unsigned i = 0; i < sp_the_box.nslots; i++) {
		const struct sp_boxslot *s = &sp_the_box.slots[i];
		FZ_CHECK(s->npending + s->nheld <= SP_BOX_PENDING_MAX);
		FZ_CHECK((s->chan < 0) == (s->state == SP_BOXSLOT_OVER));
		FZ_CHECK(s->state != SP_BOXSLOT_UP || (s->lchan >= 0 && s->pidfd >= 0));
		FZ_CHECK(s->run < 0 || (s->state == SP_BOXSLOT_UP && s->npending && sp_boxslot_runs(s->pending[0].type)));
		FZ_CHECK(s->nheld == 0 || s->state != SP_BOXSLOT_OVER);
		FZ_CHECK(has_deadline(s));
	}
	check_ids();
}

/* ---- the script */

static bool quiet(void)
{
	if (!sp_the_box.nslots || !sp_the_box.ready) return false;
	for (unsigned i = 0; i < sp_the_box.nslots; i++) {
		const struct sp_boxslot *s = &sp_the_box.slots[i];
		if (s->state != SP_BOXSLOT_OVER && (s->state != SP_BOXSLOT_UP || s->npending || s->nheld || t.clients[i].n)) return false;
		if (s->state == SP_BOXSLOT_OVER && s->pidfd >= 0) return false;
	}
	return true;
}

/* Everybody is honest again and does his part, and time passes. */
static bool settle(void)
{
	if (t.settling && quiet()) return false;
	bw.fail_clones = 0;
	bw.fail_maps = false;
	all_that_should_die();
	for (unsigned i = 0; i < SLOTS; i++) {
		struct bw_proc *p = launcher_of(i);
		t.clients[i].lazy = false;
		if (p && t.liar[p - bw.procs]) {
			bw_die(p);
		} else {
			for (int k = 0; p && p->chan >= 0 && k < 3; k++) honest(p);
		}
	}
	if (t.settling % 3 == 2) bw.now_ns += SP_NS_PER_S;
	return ++t.settling < SETTLE_ROUNDS;
}

static void pass_time(uint8_t k)
{
	static const int64_t spans[] = {1000000, 100000000, 1000000000, 2000000000, INT64_C(4100000000), INT64_C(5000000000),
	        INT64_C(31000000000), INT64_C(600000000000)};
	bw.now_ns += spans[k % SP_COUNT(spans)];
}

static void step(uint8_t what)
{
	struct client *c;
	struct bw_proc *p;
	struct gift g;
	unsigned slot;

	switch (what) {
	case 'h': {
		struct sp_box_msg m = {
		        .magic = SP_BOX_MAGIC, .version = SP_BOX_VERSION, .type = SP_BOX_HELLO, .u.hello.slots = fz_u8(&t.z) & 15};
		g.n = 0;
		if (sp_the_box.nslots || !m.u.hello.slots || m.u.hello.slots > policy.slots_max) t.may_exit = true;
		put(t.control, &m, sizeof m, &g);
		return;
	}
	case 'H': {
		struct fz body = fz_piece(&t.z, 2048, true);
		give(&g);
		t.may_exit = true;
		put(t.control, body.p ? body.p : (const uint8_t *)"", body.n, &g);
		return;
	}
	case 'C':
		if (t.control >= 0) close(sp_steal_fd(&t.control));
		t.may_exit = true;
		return;
	case 'Y':
		if (t.stub >= 0) close(sp_steal_fd(&t.stub));
		t.may_exit = true;
		return;
	case 'W': all_that_should_die(); return;
	case 'F': bw.fail_maps = !bw.fail_maps; return;
	case 'f': bw.fail_clones = fz_u8(&t.z) & 7; return;
	case 't': pass_time(fz_u8(&t.z) & 7); return;
	case 'T':
		if (sp_box_next_deadline() != SP_NEVER && sp_box_next_deadline() > bw.now_ns) bw.now_ns = sp_box_next_deadline();
		return;
	default: break;
	}
	if (!strchr("bsoekczmrlLdw", what)) return;
	slot = (fz_u8(&t.z) & 3) % SLOTS;
	c = &t.clients[slot];
	p = launcher_of(slot);
	switch (what) {
	case 'b': client_request(c, SP_BOX_BEGIN, fz_u8(&t.z)); break;
	case 's': client_request(c, SP_BOX_STEP, fz_u8(&t.z)); break;
	case 'o': client_request(c, SP_BOX_COLLECT, 0); break;
	case 'e': client_request(c, SP_BOX_END, 0); break;
	case 'k': client_request(c, SP_BOX_KILL, 0); break;
	case 'c':
		if (c->chan >= 0) close(sp_steal_fd(&c->chan));
		break;
	case 'z': c->lazy = !c->lazy; break;
	case 'm': client_message(c); break;
	case 'r': client_raw(c); break;
	case 'l':
		if (p) honest(p);
		break;
	case 'L': lie(p); break;
	case 'd':
		if (p) bw_die(p);
		break;
	case 'w':
		if (p) p->stubborn = true;
		break;
	default: break;
	}
}

static bool script(void)
{
	check_state();
	read_control();
	for (unsigned i = 0; i < SLOTS; i++)
		if (!t.clients[i].lazy) client_read(&t.clients[i]);
	if (!t.z.n) return settle();
	struct fz line = fz_until(&t.z, '\n'), rest = t.z;
	t.z = line;
	while (t.z.n) step(fz_u8(&t.z));
	t.z = rest;
	return true;
}

/* ---- one input */

static void expect_closed(int *open_fds, size_t n, int fd)
{
	for (size_t i = 0; i < n; i++)
		if (open_fds[i] == fd) open_fds[i] = -1;
}

/* Takes what the box has from the list, and closes it. */
static void close_box(int *open_fds, size_t n)
{
	int list[8 * SP_BOX_SLOTS_MAX + SP_BOXLOST_MAX + 2 * SP_BOX_PENDING_MAX * SP_BOX_SLOTS_MAX];
	size_t k = 0;

	list[k++] = sp_the_box.epoll;
	list[k++] = box.control;
	list[k++] = box.stub;
	for (unsigned i = 0; i < sp_the_box.nslots; i++) {
		const struct sp_boxslot *s = &sp_the_box.slots[i];
		const int own[] = {s->chan, s->lchan, s->pidfd, s->cpu, s->run};
		memcpy(list + k, own, sizeof own);
		k += SP_COUNT(own);
		if (!sp_the_box.ready) list[k++] = sp_the_box.service_end[i];
		for (unsigned h = 0; h < s->nheld; h++)
			for (unsigned f = 0; f < s->held[h].nfds; f++) list[k++] = s->held[h].fds[f];
	}
	for (unsigned i = 0; i < SP_BOXLOST_MAX; i++)
		if (sp_the_box.lost[i].pid) list[k++] = sp_the_box.lost[i].pidfd;
	for (size_t i = 0; i < k; i++) {
		if (list[i] < 0) continue;
		expect_closed(open_fds, n, list[i]);
		close(list[i]);
	}
}

static void close_world(void)
{
	for (unsigned i = 0; i < SLOTS; i++)
		if (t.clients[i].chan >= 0) close(sp_steal_fd(&t.clients[i].chan));
	if (t.control >= 0) close(sp_steal_fd(&t.control));
	if (t.stub >= 0) close(sp_steal_fd(&t.stub));
	bw_reset();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int before[256], after[256], pair[2], stub[2];
	size_t nbefore = fz_open_fds(3, before, SP_COUNT(before));

	bw_reset();
	memset(&t, 0, sizeof t);
	/* Not all of it, which is large: more slots than the policy allows are never touched. */
	memset(&sp_the_box, 0, offsetof(struct sp_box_state, slots) + SLOTS * sizeof sp_the_box.slots[0]);
	memset(sp_the_box.lost, 0, sizeof sp_the_box.lost);
	t.z = (struct fz){data, size};
	for (unsigned i = 0; i < SLOTS; i++) t.clients[i].chan = -1;
	ids = (struct sp_ids){.kind = SP_IDS_POLICY, .uid = policy.ids_start, .gid = policy.ids_start, .count = policy.ids_count};
	if (size && data[0] == 'S') {
		fz_u8(&t.z);
		ids.kind = SP_IDS_SINGLE;
	}
	FZ_CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0 && pipe2(stub, O_CLOEXEC) == 0);
	FZ_CHECK(fcntl(pair[1], F_SETFL, O_NONBLOCK) == 0);
	t.control = pair[1];
	t.stub = stub[1];
	sp_host_read_limits(&limits);
	box = (struct sp_box){
	        .policy = &policy, .cgroups = &no_cgroups, .ids = &ids, .limits = &limits, .control = pair[0], .stub = stub[0]};

	enum bw_end end = bw_run(&box, script);
	if (end == BW_SCRIPT) {
		for (unsigned i = 0; i < SLOTS; i++) FZ_CHECK(t.clients[i].chan < 0 || t.clients[i].n == 0);
	} else {
		bool was_ready = t.ready || sp_the_box.ready;
		read_control();
		FZ_CHECK(t.may_exit || !was_ready);
	}
	close_world();
	size_t nafter = fz_open_fds(3, after, SP_COUNT(after));
	close_box(after, nafter);
	for (size_t i = 0; i < nafter; i++) {
		bool old = after[i] < 0;
		for (size_t k = 0; k < nbefore; k++) old |= before[k] == after[i];
		/* A process that exits loses what it held in the middle of something. */
		if (end == BW_EXIT && !old) close(after[i]);
		FZ_CHECK(old || end == BW_EXIT);
	}
	return 0;
}
