/* SPDX-License-Identifier: MIT */
/*
 * A box without isolation, for tests alone: it speaks box/protocol.h as serapis-box does and runs programs as plain children, so that the runtime's side
 * can be tested without privileges. Like pid 1 of a namespace it takes everything below with it when it dies.
 *
 * The policy file holds one word: how to misbehave, once. The word is taken out of the file when it has been acted on, and the next box behaves.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/clock.h"
#include "base/mem.h"
#include "box/protocol.h"
#include "box/walk.h"
#include "runtime/native.h"

static const char *policy;
static char word[64];
static int chan = -1; /* a slot's */
static char tree[64]; /* a slot's; empty: no BEGIN */
static pid_t main_box; /* what dies when a test kills the box */
static pid_t stub; /* its parent, which only waits and cleans up */

/* Every slot's process has a copy of the word; the file says whether another was faster. */
static bool misbehave(const char *how)
{
	struct stat st;

	if (strcmp(word, how) != 0 || stat(policy, &st) || st.st_size == 0) return false;
	if (truncate(policy, 0)) _exit(99);
	return true;
}

static void must(bool ok, const char *what)
{
	if (ok) return;
	fprintf(stderr, "fake_box: %s: %s\n", what, strerror(errno));
	_exit(98);
}

static void say(int sock, struct sp_box_msg *m, const int *fds, unsigned nfds)
{
	if (sp_box_send(sock, m, fds, nfds)) _exit(0); /* the service is gone */
}

static void say_type(uint32_t type)
{
	struct sp_box_msg m = {.type = type};
	say(chan, &m, NULL, 0);
}

static void say_error(int sock, uint32_t code, int errnum, const char *text)
{
	struct sp_box_msg m = {.type = SP_BOX_ERROR, .u.error = {.code = code, .errnum = errnum}};
	snprintf(m.u.error.text, sizeof m.u.error.text, "%s", text);
	say(sock, &m, NULL, 0);
}

static void die(void)
{
	kill(main_box, SIGKILL);
	_exit(97);
}

/* Takes no notice of anything any more. */
static void sulk(void)
{
	for (;;) pause();
}

/* --- BEGIN and END ------------------------------------------------------- */

static uint32_t get(const unsigned char **p, int bytes)
{
	uint32_t v = 0;
	for (int i = 0; i < bytes; i++) v |= (uint32_t)(*p)[i] << (8 * i);
	*p += bytes;
	return v;
}

/* The memfd's content, never unmapped: a fake lives briefly. */
static const unsigned char *map(int fd, uint64_t max, uint64_t *size)
{
	must(sp_box_check_sealed(fd, max, size) == 0, "sealed");
	const unsigned char *p = mmap(NULL, *size, PROT_READ, MAP_PRIVATE, fd, 0);
	must(p != MAP_FAILED, "mmap");
	return p;
}

static void unpack(int fd)
{
	uint64_t size;
	const unsigned char *p = map(fd, SP_BOX_FILES_BYTES_MAX, &size), *end = p + size;

	must(get(&p, 4) == SP_BOX_FILES_MAGIC, "files magic");
	for (uint32_t n = get(&p, 4); n; n--) {
		uint32_t len = get(&p, 2), mode = get(&p, 2), bytes = get(&p, 4);
		char path[2048];

		snprintf(path, sizeof path, "%s/%.*s", tree, (int)len, (const char *)p);
		p += len;
		for (char *s = path + strlen(tree) + 1; (s = strchr(s, '/')); s++) {
			*s = '\0';
			must(mkdir(path, 0755) == 0 || errno == EEXIST, path);
			*s = '/';
		}
		int out = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
		must(out >= 0 && fchmod(out, mode) == 0 && write(out, p, bytes) == (ssize_t)bytes && close(out) == 0, path);
		p += bytes;
	}
	must(p == end, "files size");
}

static void begin(struct sp_box_msg *m, const int *fds)
{
	if (strcmp(m->u.begin.root, "host") != 0) return say_error(chan, SP_BOX_E_REQUEST, 0, "no such root");
	if (misbehave("begin-error")) return say_error(chan, SP_BOX_E_SETUP, ENOMEM, "mount\tof\nthe tree");
	snprintf(tree, sizeof tree, "/tmp/sp-fake-%d-XXXXXX", (int)stub);
	must(mkdtemp(tree) && chmod(tree, 0755) == 0, "mkdtemp");
	if (m->nfds) unpack(fds[0]);
	say_type(SP_BOX_BEGUN);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *f) { return remove(path); }

/* What the slots of a box that was killed have left. */
static void remove_trees(void)
{
	char pattern[64];
	glob_t found;

	snprintf(pattern, sizeof pattern, "/tmp/sp-fake-%d-*", (int)stub);
	if (glob(pattern, 0, NULL, &found) == 0) {
		for (size_t i = 0; i < found.gl_pathc; i++) nftw(found.gl_pathv[i], remove_one, 16, FTW_DEPTH | FTW_PHYS);
		globfree(&found);
	}
}

static void end(void)
{
	if (tree[0]) nftw(tree, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	tree[0] = '\0';
	if (misbehave("no-ended")) sulk();
	say_type(SP_BOX_ENDED);
}

/* --- STEP ---------------------------------------------------------------- */

static void program(const struct sp_box_step *s, const int *fds, unsigned nfds, int out, int err, int report) SP_NORETURN;
static void program(const struct sp_box_step *s, const int *fds, unsigned nfds, int out, int err, int report)
{
	uint64_t size;
	const unsigned char *p = map(fds[0], SP_BOX_SPEC_BYTES_MAX, &size);
	char *list[SP_BOX_ARGV_MAX + SP_BOX_ENV_MAX + 2], cwd[2048];
	struct rlimit file = {s->file_bytes, s->file_bytes}, files = {s->open_files, s->open_files};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setsid();
	must(get(&p, 4) == SP_BOX_SPEC_MAGIC, "spec magic");
	uint32_t argc = get(&p, 4), envc = get(&p, 4);
	char **argv = list, **env = list + argc + 1;
	/* exec wants pointers to char and does not write. */
	for (uint32_t i = 0; i < argc; i++, p += strlen((const char *)p) + 1) argv[i] = (char *)(uintptr_t)p;
	argv[argc] = NULL;
	for (uint32_t i = 0; i < envc; i++, p += strlen((const char *)p) + 1) env[i] = (char *)(uintptr_t)p;
	env[envc] = NULL;
	const char *wd = (const char *)p;
	snprintf(cwd, sizeof cwd, "%s%s", strncmp(wd, "/box", 4) == 0 ? tree : "", strncmp(wd, "/box", 4) == 0 ? wd + 4 : wd);
	int in = nfds > 1 ? fds[1] : open("/dev/null", O_RDONLY | O_CLOEXEC);
	must(chdir(cwd) == 0 && dup2(in, 0) == 0 && dup2(out, 1) == 1 && dup2(err, 2) == 2, cwd);
	must(setrlimit(RLIMIT_FSIZE, &file) == 0 && setrlimit(RLIMIT_NOFILE, &files) == 0, "setrlimit");
	for (int i = 1; i < 32; i++) signal(i, SIG_DFL);
	umask(022);
	execvpe(argv[0], argv, env);
	int e = errno;
	(void)!write(report, &e, sizeof e);
	_exit(127);
}

static void step_misbehaviours(struct sp_box_msg *started, int *out, int *err)
{
	struct sp_box_msg done = {.type = SP_BOX_DONE, .u.done = {.ended = SP_BOX_EXITED}};
	int null[2] = {open("/dev/null", O_RDONLY | O_CLOEXEC), open("/dev/null", O_RDONLY | O_CLOEXEC)};
	int two[2] = {*out, *err};

	if (misbehave("mute-step")) sulk();
	if (misbehave("short-packet-step")) (void)!send(chan, "short", 5, MSG_NOSIGNAL);
	if (misbehave("empty-packet-step")) (void)!send(chan, "", 0, MSG_NOSIGNAL);
	if (misbehave("wrong-magic-step")) {
		struct sp_box_msg bad = {.magic = SP_BOX_MAGIC ^ 1, .version = SP_BOX_VERSION, .type = SP_BOX_STARTED};
		(void)!send(chan, &bad, sizeof bad, MSG_NOSIGNAL);
	}
	if (misbehave("done-without-started")) say(chan, &done, NULL, 0);
	if (misbehave("started-with-null")) say(chan, started, null, 2);
	if (misbehave("started-with-one")) say(chan, started, two, 1);
	if (misbehave("started-twice")) {
		say(chan, started, two, 2);
		say(chan, started, two, 2);
	}
	if (misbehave("ended-for-done")) {
		struct sp_box_msg m = {.type = SP_BOX_ENDED};
		say(chan, started, two, 2);
		say(chan, &m, NULL, 0);
	}
	done.u.done.code = 999;
	if (misbehave("exit-code-999")) {
		say(chan, started, two, 2);
		say(chan, &done, NULL, 0);
	}
	done.u.done = (struct sp_box_done){.ended = SP_BOX_SIGNALED, .code = 9, .killed_by = SP_BOX_KILLED_SERVICE};
	if (misbehave("killed-unasked")) {
		say(chan, started, two, 2);
		say(chan, &done, NULL, 0);
	}
	if (misbehave("unknown-type")) {
		struct sp_box_msg m = {.type = 200};
		say(chan, &m, NULL, 0);
	}
	close(null[0]);
	close(null[1]);
}

/* Reads KILL, and waits for the program's end or the wall limit. */
static void supervise(pid_t pid, uint64_t wall_ns, int64_t start, struct sp_box_done *d)
{
	int64_t deadline = start + (int64_t)wall_ns;
	int status;
	struct rusage ru;

	while (wait4(pid, &status, WNOHANG, &ru) == 0) {
		struct pollfd p = {.fd = chan, .events = POLLIN};
		struct sp_box_msg m;
		int fds[SP_BOX_FDS_MAX];

		if (poll(&p, 1, 1) > 0) {
			if (sp_box_recv(chan, &m, fds)) _exit(0);
			if (m.type == SP_BOX_KILL && !d->killed_by) d->killed_by = SP_BOX_KILLED_SERVICE;
		} else if (sp_mono_ns() >= deadline && !d->killed_by) {
			d->killed_by = SP_BOX_KILLED_WALL;
		}
		if (d->killed_by) kill(-pid, SIGKILL);
	}
	kill(-pid, SIGKILL); /* what the main process left behind */
	d->ended = WIFEXITED(status) ? SP_BOX_EXITED : SP_BOX_SIGNALED;
	d->code = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
	d->wall_ns = (uint64_t)(sp_mono_ns() - start);
	d->cpu_ns = (uint64_t)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) * 1000000000u +
	            (uint64_t)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) * 1000u;
}

static void step(struct sp_box_msg *m, const int *fds)
{
	struct sp_box_msg started = {.type = SP_BOX_STARTED}, done = {.type = SP_BOX_DONE};
	bool merge = m->u.step.flags & SP_BOX_STEP_MERGE;
	int out[2], err[2] = {-1, -1}, report[2], e = 0;
	int64_t start = sp_mono_ns();

	if (!tree[0]) return say_error(chan, SP_BOX_E_REQUEST, 0, "no BEGIN");
	must(pipe2(out, O_CLOEXEC) == 0 && (merge || pipe2(err, O_CLOEXEC) == 0) && pipe2(report, O_CLOEXEC) == 0, "pipe");
	step_misbehaviours(&started, &out[0], &err[0]);
	pid_t pid = fork();
	must(pid >= 0, "fork");
	if (pid == 0) program(&m->u.step, fds, m->nfds, out[1], merge ? out[1] : err[1], report[1]);
	close(report[1]);
	if (!misbehave("pipe-held")) {
		close(out[1]);
		if (!merge) close(err[1]);
	}
	ssize_t n = read(report[0], &e, sizeof e);
	close(report[0]);
	if (n > 0) {
		waitpid(pid, NULL, 0);
		say_error(chan, SP_BOX_E_EXEC, e, "the program cannot be executed");
	} else {
		int pipes[2] = {out[0], err[0]};

		say(chan, &started, pipes, merge ? 1 : 2);
		if (misbehave("die-in-step")) die();
		if (misbehave("error-after-started")) {
			kill(-pid, SIGKILL);
			say_error(chan, SP_BOX_E_SETUP, EIO, "lost the program");
		} else {
			supervise(pid, m->u.step.wall_ns, start, &done.u.done);
			if (misbehave("mute-done")) sulk();
			say(chan, &done, NULL, 0);
		}
	}
	close(out[0]);
	if (!merge) close(err[0]);
}

/* --- COLLECT ------------------------------------------------------------- */

/* The real walk, with this process's own rights. */
static void collector(const struct sp_box_collect *limits, int request, int out) SP_NORETURN;
static void collector(const struct sp_box_collect *limits, int request, int out)
{
	static struct sp_patterns patterns;
	static _Alignas(8) char names[1 << 20];
	uint64_t size;
	unsigned which;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setsid();
	const unsigned char *p = map(request, SP_BOX_REQUEST_BYTES_MAX, &size);
	must(sp_patterns_parse(&patterns, p, size, &which) == NULL, "request");
	struct sp_walk w = {.patterns = &patterns,
	        .limits = *limits,
	        .root = open(tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
	        .out = out,
	        .memory = names,
	        .size = sizeof names};
	_exit(sp_walk_run(&w) ? 1 : 0);
}

/* A process that writes something else in the place of the records; 0: it shall behave. */
static pid_t other_records(int out)
{
	static const struct {
		const char *how;
		const char *bytes;
		size_t n;
	} list[] = {
#define RECORDS(how, bytes) {how, bytes, sizeof bytes - 1}
	        RECORDS("records-garbage", "HTTP/1.1 200 OK\r\n"),
	        RECORDS("records-none", ""),
	        RECORDS("records-cut", "SPR1\1\0\1\0\5\0\0\0\0\0\0\0a\3\0\0\0abc"),
	        RECORDS("records-elsewhere", "SPR1\1\0\4\0\0\0\0\0\0\0\0\0../a"),
	        RECORDS("records-unasked", "SPR1\1\0\7\0\0\0\0\0\0\0\0\0unasked"),
	        RECORDS("records-exit-3", "SPR1\3\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
	        RECORDS("records-sigsys", ""),
	};
	for (size_t i = 0; i < SP_COUNT(list); i++) {
		if (!misbehave(list[i].how)) continue;
		pid_t pid = fork();
		must(pid >= 0, "fork");
		if (pid) return pid;
		setsid();
		(void)!write(out, list[i].bytes, list[i].n);
		if (strcmp(list[i].how, "records-sigsys") == 0) raise(SIGSYS);
		_exit(strcmp(list[i].how, "records-exit-3") == 0 ? 3 : 0);
	}
	return 0;
}

static void collect(struct sp_box_msg *m, const int *fds)
{
	struct sp_box_msg started = {.type = SP_BOX_STARTED}, done = {.type = SP_BOX_DONE};
	int64_t start = sp_mono_ns();
	int out[2];

	if (!tree[0]) return say_error(chan, SP_BOX_E_REQUEST, 0, "no BEGIN");
	if (misbehave("collect-error")) return say_error(chan, SP_BOX_E_SETUP, EMFILE, "making the collector");
	must(pipe2(out, O_CLOEXEC) == 0, "pipe");
	if (misbehave("collect-mute")) sulk();
	if (misbehave("collect-done")) say(chan, &done, NULL, 0);
	if (misbehave("collect-two-pipes")) say(chan, &started, out, 2);
	if (misbehave("collect-null")) {
		out[0] = open("/dev/null", O_RDONLY | O_CLOEXEC); /* the other one is leaked: a fake lives briefly */
		say(chan, &started, out, 1);
	}
	pid_t pid = other_records(out[1]);
	if (!pid) {
		pid = fork();
		must(pid >= 0, "fork");
		if (pid == 0) {
			close(out[0]);
			collector(&m->u.collect, fds[0], out[1]);
		}
	}
	close(out[1]);
	say(chan, &started, out, 1);
	close(out[0]);
	if (misbehave("die-in-collect")) die();
	supervise(pid, m->u.collect.wall_ns, start, &done.u.done);
	say(chan, &done, NULL, 0);
}

/* --- Processes ----------------------------------------------------------- */

static void slot_main(void) SP_NORETURN;
static void slot_main(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != main_box) _exit(0);
	for (;;) {
		struct sp_box_msg m;
		int fds[SP_BOX_FDS_MAX];

		if (sp_box_recv(chan, &m, fds)) _exit(0);
		if (m.type == SP_BOX_BEGIN) begin(&m, fds);
		if (m.type == SP_BOX_STEP) step(&m, fds);
		if (m.type == SP_BOX_COLLECT) collect(&m, fds);
		if (m.type == SP_BOX_END) end();
		for (unsigned i = 0; i < m.nfds; i++) close(fds[i]);
	}
}

static void start_misbehaviours(int control, struct sp_box_msg *ready, const int *fds)
{
	struct sp_box_msg m = {.type = SP_BOX_BEGUN};
	unsigned n = ready->u.ready.slots;

	if (misbehave("host-error")) {
		say_error(control, SP_BOX_E_HOST, 0, "this host has no cgroups; mount them");
		exit(1);
	}
	if (misbehave("exit-at-start")) exit(1);
	if (misbehave("mute-at-start")) sulk();
	if (misbehave("short-packet-at-start")) (void)!send(control, "short", 5, MSG_NOSIGNAL);
	if (misbehave("begun-at-start")) say(control, &m, NULL, 0);
	if (misbehave("slots-over")) {
		ready->u.ready.slots = n + 1;
		say(control, ready, fds, n);
	}
	if (misbehave("fds-under")) say(control, ready, fds, n - 1);
}

/* What the death of a real box's namespace does: it comes to the stub, a subreaper, generation after generation. */
static void kill_rest(void)
{
	pid_t kids[64];

	do {
		int n = sp_starter_children(getpid(), kids, 64);
		for (int i = 0; i < n; i++) kill(kids[i], SIGKILL);
	} while (waitpid(-1, NULL, 0) > 0);
}

int main(int argc, char **argv)
{
	struct sp_box_msg m;
	int fds[SP_BOX_FDS_MAX], ours[SP_BOX_FDS_MAX];
	int control = argc >= 3 && strcmp(argv[1], "--control-fd") == 0 ? atoi(argv[2]) : -1;

	must(control >= 0, "usage");
	must(fcntl(control, F_SETFD, FD_CLOEXEC) == 0, "control");
	if (argc >= 5 && strcmp(argv[3], "--policy") == 0) {
		policy = argv[4];
		sp_autoclose int fd = open(policy, O_RDONLY | O_CLOEXEC);
		ssize_t n = fd < 0 ? -1 : read(fd, word, sizeof word - 1);
		must(n >= 0, "policy");
		word[n > 0 ? n : 0] = '\0';
	}
	stub = getpid();
	must(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0, "subreaper");
	pid_t box = fork();
	must(box >= 0, "fork");
	if (box > 0) {
		int status;

		close(control);
		must(waitpid(box, &status, 0) == box, "waitpid");
		kill_rest();
		remove_trees();
		return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != stub) return 1;
	main_box = getpid();
	must(sp_box_recv(control, &m, fds) == 0 && m.type == SP_BOX_HELLO, "hello");
	unsigned n = m.u.hello.slots;
	for (unsigned i = 0; i < n; i++) {
		int pair[2];

		must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0, "socketpair");
		pid_t pid = fork();
		must(pid >= 0, "fork");
		if (pid == 0) {
			chan = pair[1];
			close(control);
			close(pair[0]);
			for (unsigned k = 0; k < i; k++) close(ours[k]);
			slot_main();
		}
		close(pair[1]);
		ours[i] = pair[0];
	}
	struct sp_box_msg ready = {.type = SP_BOX_READY, .u.ready.slots = n};
	start_misbehaviours(control, &ready, ours);
	say(control, &ready, ours, n);
	for (unsigned i = 0; i < n; i++) close(ours[i]);
	if (misbehave("control-chatter")) say(control, &ready, &control, 1);
	if (misbehave("stubborn")) sulk();
	while (sp_box_recv(control, &m, fds) == 0) {}
	return 0;
}
