/* SPDX-License-Identifier: MIT */
/*
 * The service's side of a slot's channel (src/runtime/native_io.c): one step, and the wait for the slot to be clean, with a box that says what it likes. All that it says is in the channel before the step begins, and then its
 * side ends; so nothing waits.
 *
 * The input is letters: g BEGUN, S PIPES STARTED, D PIECE DONE with any body, E PIECE ERROR with any body, N ENDED, m TYPE PIECE PIPES any message, r PIECE PIPES any packet, M the output is merged (at the beginning), I the caller has interrupted before, i it interrupts
 * at the first output. PIPES: letters up to a '.': p PIECE a pipe with that in it, o one whose other end stays open, n /dev/null, d a directory.
 *
 * Holds: a result that can be judged, or an error that can be shown and a slot that knows what state it is in; no more output than was asked for, and none that the pipes did not have; no descriptor is left over.
 */
#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "box/wire.h"
#include "runtime/native.h"

#define OUTPUT_BYTES 24
#define MESSAGES_MAX 32

static struct fz z;
static int kept[64]; /* ends that stay open */
static unsigned nkept;

static struct sp_buf printed[2]; /* by stream, as it was handed on */
static bool before, within; /* the caller interrupts */

static void on_output(void *cls, enum sp_stream stream, const char *p, size_t n)
{
	struct sp_native_slot *s = cls;

	if (within) {
		atomic_store(&s->interrupted, true);
		sp_native_ring(s->bell);
	}
	FZ_CHECK(n > 0 && (stream == SP_STDOUT || stream == SP_STDERR));
	FZ_CHECK(sp_buf_add(&printed[stream], p, n) == 0); /* its bound is what was asked for */
}

/* The log: that the box is lost, again and again. */
void __wrap_sp_log_write(enum sp_log_level level, const char *component, const char *msg, const struct sp_log_field *fields);
void __wrap_sp_log_write(enum sp_log_level level, const char *component, const char *msg, const struct sp_log_field *fields) {}

static unsigned pipes(int fds[SP_BOX_FDS_MAX])
{
	unsigned n = 0;
	int p[2];

	while (z.n && n < SP_BOX_FDS_MAX) {
		uint8_t what = fz_u8(&z);
		if (what == 'n' || what == 'd') {
			fds[n++] = open(what == 'n' ? "/dev/null" : "/", O_RDONLY | O_CLOEXEC);
			continue;
		}
		if (what != 'p' && what != 'o') break;
		FZ_CHECK(pipe2(p, O_CLOEXEC) == 0);
		if (what == 'p') {
			struct fz text = fz_piece(&z, 4096, true);
			FZ_CHECK(write(p[1], text.p ? text.p : (const uint8_t *)"", text.n) == (ssize_t)text.n);
		}
		if (what == 'o' && nkept < SP_COUNT(kept))
			kept[nkept++] = p[1];
		else
			close(p[1]);
		fds[n++] = p[0];
	}
	return n;
}

static void say(int sock, struct sp_box_msg *m, int *fds, unsigned n)
{
	m->magic = SP_BOX_MAGIC;
	m->version = SP_BOX_VERSION;
	m->nfds = n;
	FZ_CHECK(sp_wire_send(sock, m, sizeof *m, fds, n, MSG_DONTWAIT) == 0);
	while (n) close(fds[--n]);
}

static void body(struct sp_box_msg *m)
{
	struct fz piece = fz_piece(&z, sizeof m->u, false);
	memcpy(&m->u, piece.p ? piece.p : (const uint8_t *)"", piece.n);
}

static void speak(int sock)
{
	int fds[SP_BOX_FDS_MAX];

	for (unsigned k = 0; k < MESSAGES_MAX && z.n; k++) {
		struct sp_box_msg m = {0};
		unsigned n;
		switch (fz_u8(&z)) {
		case 'g':
			m.type = SP_BOX_BEGUN;
			say(sock, &m, NULL, 0);
			break;
		case 'S':
			m.type = SP_BOX_STARTED;
			n = pipes(fds);
			say(sock, &m, fds, n);
			break;
		case 'D':
			m.type = SP_BOX_DONE;
			body(&m);
			say(sock, &m, NULL, 0);
			break;
		case 'E':
			m.type = SP_BOX_ERROR;
			body(&m);
			say(sock, &m, NULL, 0);
			break;
		case 'N':
			m.type = SP_BOX_ENDED;
			body(&m);
			say(sock, &m, NULL, 0);
			break;
		case 'm':
			m.type = fz_u8(&z);
			body(&m);
			n = pipes(fds);
			say(sock, &m, fds, n);
			break;
		case 'r': {
			struct fz piece = fz_piece(&z, 2048, true);
			n = pipes(fds);
			FZ_CHECK(sp_wire_send(sock, piece.p ? piece.p : (const uint8_t *)"", piece.n, fds, n, MSG_DONTWAIT) == 0);
			while (n) close(fds[--n]);
			break;
		}
		case 'i': within = true; break;
		case 'I': before = true; break;
		default: break;
		}
	}
}

static void check_result(const struct sp_step_result *r)
{
	FZ_CHECK(r->signaled ? r->code >= 1 && r->code <= 64 : r->code >= 0 && r->code <= 255);
	FZ_CHECK(r->killed_by <= SP_KILLED_CALLER && (r->killed_by != SP_KILLED_CALLER || before || within));
	const int64_t figures[] = {r->cpu_ns, r->wall_ns, r->setup_ns, r->memory_peak_bytes, r->output_total[0], r->output_total[1]};
	for (size_t i = 0; i < SP_COUNT(figures); i++) FZ_CHECK(figures[i] >= 0 && (uint64_t)figures[i] <= SP_BOX_FIGURE_MAX);
	for (int i = 0; i < 2; i++) {
		int64_t total = r->output_total[i];
		FZ_CHECK(printed[i].len == (size_t)(total < OUTPUT_BYTES ? total : OUTPUT_BYTES));
		FZ_CHECK(r->truncated[i] == (total > OUTPUT_BYTES));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const argv[] = {"a", NULL}, *const env[] = {"A=b", NULL};
	struct sp_step st = {.argv = argv,
	        .env = env,
	        .cwd = "/box",
	        .limits = {.wall_ms = 1000,
	                .cpu_ms = 1000,
	                .memory_bytes = 1 << 24,
	                .processes = 4,
	                .open_files = 16,
	                .files_bytes = 1 << 20,
	                .output_bytes = OUTPUT_BYTES},
	        .on_output = on_output};
	int open_fds[64], pair[2];
	size_t nopen = fz_open_fds(3, open_fds, SP_COUNT(open_fds));

	z = (struct fz){data, size};
	nkept = 0;
	before = within = false;
	if (z.n && *z.p == 'M') st.merge_output = fz_u8(&z) == 'M';
	for (int i = 0; i < 2; i++) sp_buf_init(&printed[i], OUTPUT_BYTES);
	FZ_CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
	struct sp_native_slot s = {
	        .chan = pair[0], .gen = 1, .state = SP_SLOT_BEGIN, .next_chan = -1, .bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
	struct sp_native n = {.t = sp_native_tuning_default,
	        .nslots = 1,
	        .slots = &s,
	        .starter = -1,
	        .control = -1,
	        .bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
	        .lock = PTHREAD_MUTEX_INITIALIZER,
	        .changed = PTHREAD_COND_INITIALIZER,
	        .up = true,
	        .gen = 1};
	n.t.drain_ms = 0;
	st.cls = &s;
	speak(pair[1]);
	/* Our side still takes what is sent to it. */
	FZ_CHECK(shutdown(pair[1], SHUT_WR) == 0);
	atomic_store(&s.interrupted, before);

	struct sp_step_result r;
	struct sp_err err = {0};
	int rc = sp_native_step(&n, &s, &st, &r, &err);
	if (rc == 0) {
		FZ_CHECK(s.state == SP_SLOT_BEGUN || s.state == SP_SLOT_BEGIN);
		check_result(&r);
	} else {
		fz_check_message(err.msg);
		FZ_CHECK(err.code == SP_E_UNAVAILABLE || err.code == SP_E_INVALID || err.code == SP_E_INTERNAL);
		FZ_CHECK(s.state == SP_SLOT_LOST || s.state == SP_SLOT_FAILED);
		FZ_CHECK((s.state == SP_SLOT_LOST) == !n.up);
	}
	if (s.state != SP_SLOT_LOST) {
		s.state = SP_SLOT_END;
		if (sp_native_await_ended(&n, &s, &err) == 0)
			FZ_CHECK(s.state == SP_SLOT_CLEAN);
		else
			FZ_CHECK(s.state == SP_SLOT_LOST && !n.up);
	}
	free(s.buf);
	for (unsigned i = 0; i < nkept; i++) close(kept[i]);
	close(pair[0]);
	close(pair[1]);
	close(s.bell);
	close(n.bell);
	for (int i = 0; i < 2; i++) sp_buf_fini(&printed[i]);
	FZ_CHECK(fz_open_fds(3, open_fds, SP_COUNT(open_fds)) == nopen);
	return 0;
}
