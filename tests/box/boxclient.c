/* SPDX-License-Identifier: MIT */
#include "boxclient.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *const default_env[] = {"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/box", NULL};

void bx_fail(const char *file, int line, const char *fmt, ...)
{
	va_list ap;
	fprintf(stderr, "%s:%d: ", file, line);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, " (errno %d, %s)\n", errno, strerror(errno));
	abort();
}

int bx_slow(void)
{
	const char *s = getenv("SERAPIS_TEST_SLOW");
	int n = s ? atoi(s) : 1;
	return n < 1 ? 1 : n > 100 ? 100 : n;
}

static int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- without root */

int bx_test_uid(void)
{
	const char *s = getenv("SERAPIS_TEST_UID");
	return s ? atoi(s) : 0;
}

void bx_become_test_user(void)
{
	int uid = bx_test_uid();
	const char *cgroup = getenv("SERAPIS_TEST_CGROUP");
	if (cgroup) {
		/* The leaf that a box before this one has made, or the place itself, where there was none. */
		char path[2][512];
		snprintf(path[0], sizeof path[0], "%s/serapis-self/cgroup.procs", cgroup);
		snprintf(path[1], sizeof path[1], "%s/cgroup.procs", cgroup);
		int fd = open(path[access(path[0], F_OK) == 0 ? 0 : 1], O_WRONLY | O_CLOEXEC);
		if (fd < 0 || write(fd, "0", 1) != 1) _exit(125);
		close(fd);
	}
	if (uid && (setgroups(0, NULL) < 0 || setgid((gid_t)uid) < 0 || setuid((uid_t)uid) < 0)) _exit(126);
}

static const struct {
	const char *name;
	uint32_t bit;
} enforced[] = {{"ids", SP_BOX_ENF_IDS}, {"memory", SP_BOX_ENF_MEMORY}, {"pids", SP_BOX_ENF_PIDS}, {"cpu", SP_BOX_ENF_CPU},
        {"seccomp", SP_BOX_ENF_SECCOMP}, {"net", SP_BOX_ENF_NET}};

uint32_t bx_expected(void)
{
	uint32_t all = 0, named = 0;
	const char *list = getenv("SERAPIS_TEST_ENFORCED");
	for (size_t i = 0; i < sizeof enforced / sizeof *enforced; i++) {
		all |= enforced[i].bit;
		if (list && strstr(list, enforced[i].name)) named |= enforced[i].bit;
	}
	return bx_test_uid() ? named : all;
}

bool bx_enforces(const struct bx *b, uint32_t bits)
{
	BX_CHECK_MSG(b->ready.enforced == bx_expected(), "enforced is %x, expected %x", b->ready.enforced, bx_expected());
	for (size_t i = 0; i < sizeof enforced / sizeof *enforced; i++)
		if (enforced[i].bit & bits & ~b->ready.enforced) fprintf(stderr, "# not enforced here: %s\n", enforced[i].name);
	return (b->ready.enforced & bits) == bits;
}

/* ---- processes */

void bx_spawn(struct bx *b, const char *policy_text)
{
	const char *exe = getenv("SERAPIS_BOX");
	char policy[] = "/tmp/sp-box-policy-XXXXXX", number[16];
	int pair[2];

	BX_CHECK_MSG(exe, "SERAPIS_BOX does not name the program");
	memset(b, 0, sizeof *b);
	int fd = mkstemp(policy);
	BX_CHECK(fd >= 0);
	const char *text = policy_text ? policy_text : "slots_max 8\n";
	BX_CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	if (bx_test_uid()) BX_CHECK(fchown(fd, (uid_t)bx_test_uid(), (gid_t)bx_test_uid()) == 0);
	close(fd);
	int program = open(exe, O_PATH | O_CLOEXEC); /* the user may not be able to reach it */
	BX_CHECK(program >= 0);
	BX_CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
	b->stub = fork();
	BX_CHECK(b->stub >= 0);
	if (b->stub == 0) {
		int ch = fcntl(pair[1], F_DUPFD, 100);
		snprintf(number, sizeof number, "%d", ch);
		bx_become_test_user();
		const char *const argv[] = {
		        exe, "--control-fd", number, "--policy", policy, bx_test_uid() ? "--unsafe-rootless" : NULL, NULL};
		fexecve(program, (char *const *)(uintptr_t)argv, environ);
		_exit(127);
	}
	close(program);
	close(pair[1]);
	b->control = pair[0];
	/* The stub reads its policy before it answers anything: the file may go when the first message, or the end, is there. */
	struct pollfd p = {.fd = b->control, .events = POLLIN};
	for (int64_t until = now_ms() + BX_WAIT_MS; poll(&p, 1, 5) == 0 && bx_child_of(b->stub) < 0;)
		BX_CHECK_MSG(now_ms() < until, "the box does not start");
	unlink(policy);
}

void bx_hello(struct bx *b, unsigned slots)
{
	struct sp_box_msg m = {.u.hello.slots = slots};
	int fds[SP_BOX_FDS_MAX];
	bx_send(b->control, SP_BOX_HELLO, &m, NULL, 0);
	bx_recv(b->control, &m, fds);
	BX_CHECK_MSG(m.type == SP_BOX_READY, "no READY but %u: %s", m.type, m.type == SP_BOX_ERROR ? m.u.error.text : "");
	BX_CHECK(m.u.ready.slots == slots && m.nfds == slots);
	b->nslots = slots;
	b->ready = m.u.ready;
	memcpy(b->slot, fds, slots * sizeof *fds);
}

void bx_start(struct bx *b, unsigned slots, const char *policy_text)
{
	bx_spawn(b, policy_text);
	bx_hello(b, slots);
}

int bx_wait_stub(struct bx *b)
{
	int status;
	for (int64_t until = now_ms() + BX_WAIT_MS;;) {
		pid_t p = waitpid(b->stub, &status, WNOHANG);
		if (p == b->stub) return status;
		BX_CHECK_MSG(now_ms() < until, "the stub does not end");
		usleep(2000);
	}
}

void bx_stop(struct bx *b)
{
	for (unsigned i = 0; i < b->nslots; i++)
		if (b->slot[i] >= 0) close(b->slot[i]);
	close(b->control);
	int status = bx_wait_stub(b);
	BX_CHECK_MSG(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the stub ended with status %x", status);
}

pid_t bx_child_of(pid_t parent)
{
	char path[64], text[64] = "";
	snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)parent, (int)parent);
	FILE *f = fopen(path, "re");
	if (f) {
		if (!fgets(text, sizeof text, f)) text[0] = 0;
		fclose(f);
	}
	return text[0] ? (pid_t)atoi(text) : -1;
}

/* The box's own directory of a controller: found by the one thing that is ours for certain, a slot's launcher in it. */
void bx_cgroup_path(const struct bx *b, const char *controller, char *out, size_t size)
{
	char path[64], line[4096];
	pid_t launcher = bx_child_of(bx_child_of(b->stub));
	out[0] = 0;
	BX_CHECK(launcher > 0);
	if (!b->ready.cgroup_version) {
		snprintf(out, size, "pid:%d", (int)bx_child_of(b->stub));
		return;
	}
	snprintf(path, sizeof path, "/proc/%d/cgroup", (int)launcher);
	FILE *f = fopen(path, "re");
	BX_CHECK(f);
	while (fgets(line, sizeof line, f)) {
		char *list = strchr(line, ':'), *dir = list ? strchr(list + 1, ':') : NULL;
		if (!dir) continue;
		*dir++ = 0;
		dir[strcspn(dir, "\n")] = 0;
		if (b->ready.cgroup_version == 2 ? strcmp(line, "0:") != 0 : strcmp(list + 1, controller) != 0) continue;
		char *id = strstr(dir, "/serapis-box-"), *last = id ? strchr(id + 1, '/') : NULL;
		BX_CHECK(last);
		*last = 0;
		snprintf(out, size, "/sys/fs/cgroup/%s%s", b->ready.cgroup_version == 2 ? "" : controller, dir);
	}
	fclose(f);
	BX_CHECK(out[0]);
}

/* ---- messages */

void bx_send(int ch, uint32_t type, const struct sp_box_msg *m, const int *fds, unsigned nfds)
{
	struct sp_box_msg copy = m ? *m : (struct sp_box_msg){0};
	copy.type = type;
	BX_CHECK_MSG(sp_box_send(ch, &copy, fds, nfds) == 0, "sending message %u", type);
}

void bx_recv(int ch, struct sp_box_msg *m, int fds[SP_BOX_FDS_MAX])
{
	struct pollfd p = {.fd = ch, .events = POLLIN};
	BX_CHECK_MSG(poll(&p, 1, BX_WAIT_MS) == 1, "no message within %d ms", BX_WAIT_MS);
	BX_CHECK_MSG(sp_box_recv(ch, m, fds) == 0, "receiving a message");
}

void bx_expect(int ch, uint32_t type, struct sp_box_msg *m, int fds[SP_BOX_FDS_MAX])
{
	bx_recv(ch, m, fds);
	BX_CHECK_MSG(m->type == type, "message %u instead of %u%s%s", m->type, type, m->type == SP_BOX_ERROR ? ": " : "",
	        m->type == SP_BOX_ERROR ? m->u.error.text : "");
}

bool bx_ended(int ch)
{
	struct sp_box_msg m;
	int fds[SP_BOX_FDS_MAX];
	for (;;) {
		struct pollfd p = {.fd = ch, .events = POLLIN};
		if (poll(&p, 1, BX_WAIT_MS) != 1) return false;
		if (sp_box_recv(ch, &m, fds) == 0) {
			for (unsigned i = 0; i < m.nfds; i++) close(fds[i]);
			continue;
		}
		return errno == ECONNRESET;
	}
}

/* ---- memfds */

int bx_memfd(const void *p, size_t n, bool sealed)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	BX_CHECK(fd >= 0);
	for (size_t at = 0; at < n;) {
		ssize_t w = write(fd, (const char *)p + at, n - at);
		BX_CHECK(w > 0);
		at += (size_t)w;
	}
	BX_CHECK(lseek(fd, 0, SEEK_SET) == 0);
	if (sealed) BX_CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) == 0);
	return fd;
}

static void put(FILE *f, uint32_t v, int bytes)
{
	for (int i = 0; i < bytes; i++) fputc((int)(v >> 8 * i & 255), f);
}

int bx_spec(const char *const *argv, const char *const *env, const char *cwd)
{
	char *text;
	size_t n;
	uint32_t argc = 0, envc = 0;
	FILE *f = open_memstream(&text, &n);

	BX_CHECK(f);
	while (argv[argc]) argc++;
	while (env[envc]) envc++;
	put(f, SP_BOX_SPEC_MAGIC, 4), put(f, argc, 4), put(f, envc, 4);
	for (uint32_t i = 0; i < argc; i++) fwrite(argv[i], 1, strlen(argv[i]) + 1, f);
	for (uint32_t i = 0; i < envc; i++) fwrite(env[i], 1, strlen(env[i]) + 1, f);
	fwrite(cwd, 1, strlen(cwd) + 1, f);
	fclose(f);
	int fd = bx_memfd(text, n, true);
	free(text);
	return fd;
}

int bx_files(const struct bx_file *files, size_t count)
{
	char *text;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	BX_CHECK(f);
	put(f, SP_BOX_FILES_MAGIC, 4), put(f, (uint32_t)count, 4);
	for (size_t i = 0; i < count; i++) {
		put(f, (uint32_t)strlen(files[i].path), 2), put(f, files[i].mode, 2), put(f, (uint32_t)files[i].size, 4);
		fwrite(files[i].path, 1, strlen(files[i].path), f);
		fwrite(files[i].data, 1, files[i].size, f);
	}
	fclose(f);
	int fd = bx_memfd(text, n, true);
	free(text);
	return fd;
}

/* ---- runs */

struct sp_box_begin bx_default_begin(const struct bx_run *r)
{
	struct sp_box_begin b = r->begin;
	snprintf(b.root, sizeof b.root, "%s", r->root ? r->root : "host");
	if (!b.tree_bytes) b.tree_bytes = 64 << 20;
	return b;
}

uint64_t bx_wall_max = UINT64_C(600000000000), bx_cpu_max = UINT64_C(600000000000);

struct sp_box_step bx_default_step(const struct bx_run *r)
{
	struct sp_box_step s = r->step;
	if (!s.processes) s.processes = 64;
	uint64_t time = (uint64_t)bx_slow() * 10 * UINT64_C(1000000000);
	if (!s.wall_ns) s.wall_ns = time < bx_wall_max ? time : bx_wall_max;
	if (!s.cpu_ns) s.cpu_ns = time < bx_cpu_max ? time : bx_cpu_max;
	if (!s.memory_bytes) s.memory_bytes = 256 << 20;
	if (!s.file_bytes) s.file_bytes = 64 << 20;
	if (!s.open_files) s.open_files = 256;
	return s;
}

void bx_begin(int ch, const struct bx_run *r)
{
	struct sp_box_msg m = {.u.begin = bx_default_begin(r)};
	int fd = r->nfiles ? bx_files(r->files, r->nfiles) : -1;
	bx_send(ch, SP_BOX_BEGIN, &m, &fd, fd >= 0);
	if (fd >= 0) close(fd);
}

void bx_step(int ch, const struct bx_run *r)
{
	struct sp_box_msg m = {.u.step = bx_default_step(r)};
	int fds[2] = {bx_spec(r->argv, r->env ? r->env : default_env, r->cwd ? r->cwd : "/box"), -1};
	if (r->input) fds[1] = bx_memfd(r->input, r->input_size, true);
	bx_send(ch, SP_BOX_STEP, &m, fds, r->input ? 2 : 1);
	close(fds[0]);
	if (r->input) close(fds[1]);
}

struct stream {
	int fd;
	FILE *f;
	char **text;
	size_t *len;
};

static void read_streams(struct stream *st, unsigned n)
{
	static char chunk[65536];
	for (int64_t until = now_ms() + BX_WAIT_MS;;) {
		struct pollfd p[2];
		unsigned open_ones = 0;
		for (unsigned i = 0; i < n; i++) {
			p[i] = (struct pollfd){.fd = st[i].fd, .events = POLLIN};
			open_ones += st[i].fd >= 0;
		}
		if (!open_ones) break;
		int64_t left = until - now_ms();
		BX_CHECK_MSG(left > 0 && poll(p, n, (int)left) > 0, "the program's output has no end");
		for (unsigned i = 0; i < n; i++) {
			if (st[i].fd < 0 || !p[i].revents) continue;
			ssize_t r = read(st[i].fd, chunk, sizeof chunk);
			BX_CHECK(r >= 0);
			if (r > 0) {
				fwrite(chunk, 1, (size_t)r, st[i].f);
			} else {
				close(st[i].fd);
				st[i].fd = -1;
			}
		}
	}
	for (unsigned i = 0; i < n; i++) fclose(st[i].f);
}

void bx_collect(int ch, const struct bx_run *r, struct bx_result *o)
{
	struct sp_box_msg m;
	int fds[SP_BOX_FDS_MAX];
	unsigned want = r->step.flags & SP_BOX_STEP_MERGE ? 1 : 2;

	bx_recv(ch, &m, fds);
	if (m.type == SP_BOX_ERROR) {
		o->refused = true;
		o->error = m.u.error;
		return;
	}
	BX_CHECK_MSG(m.type == SP_BOX_STARTED && m.nfds == want, "message %u with %u descriptors instead of STARTED", m.type, m.nfds);
	if (r->probe) BX_CHECK(r->probe(r, r->probe_arg) == 0);
	struct stream st[2] = {{fds[0], NULL, &o->out, &o->out_len}, {want > 1 ? fds[1] : -1, NULL, &o->err, &o->err_len}};
	for (unsigned i = 0; i < want; i++) {
		st[i].f = open_memstream(st[i].text, st[i].len);
		BX_CHECK(st[i].f);
	}
	read_streams(st, want);
	bx_recv(ch, &m, fds);
	if (m.type == SP_BOX_ERROR) {
		o->refused = true;
		o->error = m.u.error;
		return;
	}
	BX_CHECK_MSG(m.type == SP_BOX_DONE, "message %u instead of DONE", m.type);
	o->done = m.u.done;
}

void bx_end(int ch, struct bx_result *o)
{
	struct sp_box_msg m;
	int fds[SP_BOX_FDS_MAX];
	bx_send(ch, SP_BOX_END, NULL, NULL, 0);
	bx_expect(ch, SP_BOX_ENDED, &m, fds);
	o->ended = m.u.ended;
}

void bx_run(int ch, const struct bx_run *r, struct bx_result *o)
{
	struct sp_box_msg m;
	int fds[SP_BOX_FDS_MAX];

	memset(o, 0, sizeof *o);
	bx_begin(ch, r);
	bx_step(ch, r);
	bx_recv(ch, &m, fds);
	if (m.type == SP_BOX_ERROR) {
		o->refused = true;
		o->error = m.u.error;
		bx_expect(ch, SP_BOX_ERROR, &m, fds); /* the step's own answer */
	} else {
		BX_CHECK_MSG(m.type == SP_BOX_BEGUN, "message %u instead of BEGUN", m.type);
		bx_collect(ch, r, o);
	}
	bx_end(ch, o);
}

void bx_free(struct bx_result *o)
{
	free(o->out);
	free(o->err);
	memset(o, 0, sizeof *o);
}

const struct bx_file *bx_probe_file(void)
{
	static struct bx_file file;
	if (!file.data) {
		const char *path = getenv("SERAPIS_BOX_PROBE");
		struct stat st;
		BX_CHECK_MSG(path, "SERAPIS_BOX_PROBE does not name the program");
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		BX_CHECK(fd >= 0 && fstat(fd, &st) == 0);
		void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		BX_CHECK(p != MAP_FAILED);
		close(fd);
		file = (struct bx_file){"probe", 0755, p, (size_t)st.st_size};
	}
	return &file;
}

static void describe(const struct bx_result *r, const char *file, int line, const char *wanted)
{
	if (r->refused) bx_fail(file, line, "%s wanted, but refused with code %u: %s", wanted, r->error.code, r->error.text);
	bx_fail(file, line, "%s wanted, but ended %u code %d killed_by %u flags %x\nstdout: %s\nstderr: %s", wanted, r->done.ended,
	        r->done.code, r->done.killed_by, r->done.flags, r->out ? r->out : "", r->err ? r->err : "");
}

void bx_check_exit(const struct bx_result *r, int code, const char *file, int line)
{
	char wanted[32];
	snprintf(wanted, sizeof wanted, "exit %d", code);
	if (r->refused || r->done.ended != SP_BOX_EXITED || r->done.code != code || r->done.killed_by) describe(r, file, line, wanted);
}

void bx_check_killed(const struct bx_result *r, enum sp_box_killer by, const char *file, int line)
{
	char wanted[32];
	snprintf(wanted, sizeof wanted, "killed by %d", (int)by);
	if (r->refused || r->done.ended != SP_BOX_SIGNALED || r->done.code != SIGKILL || r->done.killed_by != (uint32_t)by)
		describe(r, file, line, wanted);
}
