/* SPDX-License-Identifier: MIT */
/*
 * Order is everything here, and all but the last lines of it happen before there is a request, because a request waits for nothing that can be had ahead.
 *
 *   init     mounts, pivot_root → fork → becomes uid 1 without capabilities, keeps one pipe → releases the program → waits for it
 *   program  oom score, session → closes all it has no use for → uid 1000 without capabilities → filter → waits for the release
 *            → waits for the order → files (before any code of the run exists) → stdio, limits → closes the rest → exec
 *
 * The two run side by side up to the release, which is what makes sure that the program never meets an init that still has powers. Whatever comes with the
 * order, archive, arguments, environment, is first looked at by a process that has as little power as the program itself.
 *
 * Init ends when the main process ends: the kernel then kills whatever else is in the pid namespace, and the launcher's wait for init returns only when
 * all of it is gone. A daemon that the program left behind holds nothing up.
 */
#include "box/container.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "box/cgroup.h"
#include "box/die.h"
#include "box/files.h"
#include "box/inner.h"
#include "box/sys.h"
#include "box/wire.h"

#ifdef SP_HAVE_SECCOMP_RUN
#include "seccomp_run.h"

bool sp_seccomp_present(void) { return true; }

/* After everything that takes power: what is left to do is what any program may do, so the filter need not wait for the order, which it would make
 * wait (compiling it costs a tenth of a millisecond). no_new_privs, which makes it possible without a capability, is set since the box's start. */
static int install_seccomp(void)
{
	struct sock_fprog f = {.len = SP_COUNT(sp_seccomp_run), .filter = (struct sock_filter *)(uintptr_t)sp_seccomp_run};
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &f);
}
#else
bool sp_seccomp_present(void) { return false; }
static int install_seccomp(void) { return 0; }
#endif

#define DEFAULT_STACK (UINT64_C(8) << 20)

void sp_container_note_sink(int fd, const struct sp_box_error *e)
{
	struct sp_note n = {.kind = SP_NOTE_FAILED, .error = *e};
	(void)!write(fd, &n, sizeof n); /* nobody is left to be told when the launcher is gone */
}

int sp_container_limit(int what, uint64_t v)
{
	struct rlimit now;
	if (setrlimit(what, &(struct rlimit){v, v}) == 0) return 0;
	/* A hard limit of the service's environment that is lower stays: raising it would need a capability on the host. */
	if (errno != EPERM || getrlimit(what, &now) < 0 || now.rlim_max >= v) return -1;
	return setrlimit(what, &(struct rlimit){now.rlim_max, now.rlim_max});
}

int sp_container_prepare(const char **what)
{
	/* What the kernel would let accumulate on the slot's ids over many runs, or spend of the host on one (box-rules.md 11). CORE is 1, not 0: a
	 * limit of 0 does not stop a core_pattern that is a pipe, and its handler would run as the host's root on memory that the program made (21);
	 * where the service's hard limit is 0 the stub has seen to it (main.c). */
	static const struct {
		int what;
		rlim_t value;
	} limits[] = {{RLIMIT_CORE, 1}, {RLIMIT_SIGPENDING, 256}, {RLIMIT_MEMLOCK, 64 << 10}, {RLIMIT_MSGQUEUE, 0}, {RLIMIT_NICE, 0},
	        {RLIMIT_RTPRIO, 0}};

	*what = "setting the slot's resource limits";
	for (size_t i = 0; i < SP_COUNT(limits); i++)
		if (sp_container_limit(limits[i].what, limits[i].value) < 0) return -1;
	umask(022);

	/* The bounding set ends what an exec could ever give back; the launcher itself, which never execs, keeps what it has. NOROOT: even uid 0 of this
	 * namespace gets nothing from an exec. The uid-change fixup stays on: it empties the sets when the program becomes uid 1000. All locked. */
	*what = "dropping the capability bounding set";
	for (int cap = 0; cap <= 63; cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 && errno != EINVAL) return -1;
	*what = "locking the securebits";
	return prctl(PR_SET_SECUREBITS,
	        SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
	                SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED,
	        0, 0, 0);
}

void sp_container_become(unsigned uid, bool drop_groups, const char *who)
{
	/* Empties effective, permitted and inheritable; ambient follows them. */
	struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {{0}};

	/* raw: one thread, and glibc's wrappers do no more than signal the others. Groups first, as the right to change them goes with the uid. */
	if ((drop_groups && syscall(SYS_setgroups, 0, NULL) < 0) || syscall(SYS_setresgid, uid, uid, uid) < 0 ||
	        syscall(SYS_setresuid, uid, uid, uid) < 0)
		sp_die(SP_BOX_E_SETUP, errno, "taking the ids of the %s", who);
	if (syscall(SYS_capset, &h, none) < 0) sp_die(SP_BOX_E_SETUP, errno, "dropping the capabilities of the %s", who);
}

void sp_container_die_first(const struct sp_mounts *m)
{
	sp_autoclose int oom = openat(m->proc, "self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (oom < 0 || write(oom, "1000", 4) != 4) sp_die(SP_BOX_E_SETUP, errno, "setting oom_score_adj");
}

void sp_container_leave_mounts(const struct sp_mounts *m, int feed)
{
	sp_autoclose int own = openat(m->proc, "self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (own >= 0) (void)!sp_wire_send(feed, "", 1, &own, 1, MSG_DONTWAIT);
}

/* The order, unpacked. */
struct work {
	struct sp_box_step step;
	int spec, out, err, in, files; /* err is out when merged; in and files may be -1 */
};

/* ---- program */

static void set_limits(const struct sp_box_step *s, bool cgroup)
{
	const struct {
		int what;
		rlim_t value;
	} limits[] = {
	        {RLIMIT_NOFILE, s->open_files}, {RLIMIT_FSIZE, s->file_bytes},
	        {RLIMIT_STACK, s->stack_bytes ? s->stack_bytes : DEFAULT_STACK},
	        /* Two backstops behind the cgroup's limits, hence wider: they count otherwise (per uid, per process) and must never decide first. */
	        {RLIMIT_NPROC, s->processes + 16},
	        {RLIMIT_CPU, s->cpu_ns / 1000000000 + (cgroup ? 5 : 1)}, /* without a cgroup they are all there is */
	};
	for (size_t i = 0; i < SP_COUNT(limits); i++)
		if (sp_container_limit(limits[i].what, limits[i].value) < 0)
			sp_die(SP_BOX_E_SETUP, errno, "setting resource limit %d", limits[i].what);
}

static void set_stdio(const struct work *w)
{
	int in = w->in;
	if (in < 0) in = open("/dev/null", O_RDONLY | O_CLOEXEC);
	/* The memfd's offset is shared with whoever sent it, so it is not to be relied on. */
	else if (lseek(in, 0, SEEK_SET) < 0)
		sp_die(SP_BOX_E_SETUP, errno, "rewinding stdin");
	/* Every descriptor of ours is above 2, so no dup2 here hits one that is still needed. */
	if (in < 0 || dup2(in, 0) < 0 || dup2(w->out, 1) < 0 || dup2(w->err, 2) < 0) sp_die(SP_BOX_E_SETUP, errno, "setting up stdio");
}

/* execvp over the *run's* PATH, without its habit of handing a file without an interpreter line to a shell. */
static void execute(const struct sp_spec *s)
{
	const char *name = s->argv[0], *path = "/usr/local/bin:/usr/bin:/bin";
	char full[PATH_MAX];
	int why = ENOENT;

	if (strchr(name, '/')) {
		execve(name, s->argv, s->envp);
		return;
	}
	for (size_t i = 0; s->envp[i]; i++)
		if (strncmp(s->envp[i], "PATH=", 5) == 0) path = s->envp[i] + 5;
	for (const char *p = path;; p++) {
		size_t n = strcspn(p, ":");
		if (n > 0 && (size_t)snprintf(full, sizeof full, "%.*s/%s", (int)n, p, name) < sizeof full) {
			execve(full, s->argv, s->envp);
			if (errno != ENOENT && errno != ENOTDIR && why != EACCES) why = errno; /* EACCES tells more than a later ENOENT */
		}
		p += n;
		if (!*p) break;
	}
	errno = why;
}

/* As the run: what is made belongs to it, and there is no power that could help a hostile archive past a permission. */
static void unpack(int memfd)
{
	struct sp_box_error e;
	uint64_t size;

	if (sp_box_check_sealed(memfd, SP_BOX_FILES_BYTES_MAX, &size) < 0)
		sp_die(SP_BOX_E_REQUEST, 0, "the files are not in a sealed memfd");
	void *archive = mmap(NULL, size, PROT_READ, MAP_PRIVATE, memfd, 0);
	sp_autoclose int box = open("/box", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (archive == MAP_FAILED || box < 0) sp_die(SP_BOX_E_SETUP, errno, "opening the files");
	if (sp_files_unpack(archive, size, box, &e) < 0) sp_die((enum sp_box_error_code)e.code, 0, "%s", e.text);
	munmap(archive, size);
}

static void take_order(int feed, struct work *w)
{
	struct sp_order o;
	int fds[SP_ORDER_FDS];
	unsigned n, k = 2;

	if (sp_wire_recv(feed, &o, sizeof o, fds, SP_ORDER_FDS, &n, 0) < 0)
		_exit(1); /* the launcher has no use for this container, or is gone */
	bool merge = o.step.flags & SP_BOX_STEP_MERGE;
	if (n != 2u + !merge + !!o.has_in + !!o.has_files) sp_die(SP_BOX_E_SETUP, 0, "an order with a wrong number of descriptors");
	w->step = o.step;
	w->spec = fds[0];
	w->out = fds[1];
	w->err = merge ? fds[1] : fds[k++];
	w->in = o.has_in ? fds[k++] : -1;
	w->files = o.has_files ? fds[k++] : -1;
}

/* All that the program-to-be does before there is a request: it gives up what it has. */
static void step_down(const struct sp_container *c, int release)
{
	sp_container_die_first(c->mounts);
	int keep[] = {0, 1, 2, c->feed, c->ready, c->cpu, release};
	if (sp_sys_close_but(keep, SP_COUNT(keep)) < 0) sp_die(SP_BOX_E_SETUP, errno, "close_range");
	setsid();
	sp_container_become(SP_RUN_UID, !c->single, "program");
	/* Dispositions need no reset: nothing in the box's line of descent ever sets one (main.c). The mask is the box's. */
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (install_seccomp() < 0) sp_die(SP_BOX_E_SETUP, errno, "installing the system call filter");

	/* The release. End of file instead: init is dead, and we are about to be. */
	char go;
	if (read(release, &go, 1) != 1) _exit(1);
	close(release);
}

static void SP_NORETURN program(const struct sp_container *c, int release)
{
	struct sp_note note = {.kind = SP_NOTE_READY};
	static struct sp_spec spec;
	struct work w;
	uint64_t size;

	sp_die_to(sp_container_note_sink, c->ready, false);
	step_down(c, release);
	take_order(c->feed, &w);
	if (w.files >= 0) unpack(w.files);
	set_stdio(&w);
	set_limits(&w.step, c->cpu >= 0); /* after the files, which are not the program's to write */
	if (sp_box_check_sealed(w.spec, SP_BOX_SPEC_BYTES_MAX, &size) < 0) sp_die(SP_BOX_E_REQUEST, 0, "the spec is not a sealed memfd");
	char *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, w.spec, 0);
	if (bytes == MAP_FAILED) sp_die(SP_BOX_E_SETUP, errno, "mapping the spec");
	const char *fault = sp_spec_parse(&spec, bytes, size);
	if (fault) sp_die(SP_BOX_E_REQUEST, 0, "%s", fault);

	note.cpu = sp_cgroup_cpu_fd(c->cpu);
	/* Now, not at the exec: until then the kernel would follow a link of /proc to a descriptor of ours, were it the working directory, the program, its
	 * "#!" line or its ELF interpreter, which is the run's own to choose (CVE-2024-21626). The ready pipe alone goes at the exec: its end of file is
	 * how the launcher knows that the exec succeeded. */
	int ready = c->ready;
	if (ready != 3 && (ready = dup3(c->ready, 3, O_CLOEXEC)) < 0) sp_die(SP_BOX_E_SETUP, errno, "moving the ready pipe");
	sp_die_to(sp_container_note_sink, ready, false);
	if (sp_sys_close_range(4, ~0U, 0) < 0) sp_die(SP_BOX_E_SETUP, errno, "close_range");
	if (chdir(spec.cwd) < 0) sp_die(SP_BOX_E_EXEC, errno, "the working directory %.200s", spec.cwd);
	note.at_ns = sp_mono_ns();
	if (write(ready, &note, sizeof note) != sizeof note) _exit(1);
	execute(&spec);
	sp_die(SP_BOX_E_EXEC, errno, "%.200s", spec.argv[0]);
}

/* ---- init */

void sp_container_init(const struct sp_container *c)
{
	const char *what;
	int release[2], status;

	sp_die_to(sp_container_note_sink, c->report, false);
	/* Here and not at the clone, where the namespace's root would be the launcher's group: this one is ours, and the program sees "/". */
	if (unshare(CLONE_NEWCGROUP) < 0) sp_die(SP_BOX_E_SETUP, errno, "making a cgroup namespace");
	sp_container_leave_mounts(c->mounts, c->feed);
	if (sp_mounts_enter(c->mounts, c->root, &what) < 0) sp_die(SP_BOX_E_SETUP, errno, "%s", what);
	if (pipe2(release, O_CLOEXEC) < 0) sp_die(SP_BOX_E_SETUP, errno, "making a pipe");

	pid_t main_pid = fork();
	if (main_pid < 0) sp_die(SP_BOX_E_SETUP, errno, "forking the program");
	if (main_pid == 0) {
		close(release[1]);
		program(c, release[0]);
	}

	if (dup2(c->report, 0) < 0 || dup2(release[1], 1) < 0 || sp_sys_close_range(2, ~0U, 0) < 0) _exit(1);
	sp_die_to(sp_container_note_sink, 0, false);
	sp_container_become(c->single ? SP_RUN_UID : SP_INIT_UID, !c->single, "init");
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); /* a belt; what counts is that the launcher is pid 1 of the namespace around this one */
	if (write(1, "", 1) != 1) sp_die(SP_BOX_E_SETUP, errno, "releasing the program");
	close(1);

	for (;;) {
		pid_t p = waitpid(-1, &status, 0);
		if (p == main_pid) break;
		if (p < 0 && errno != EINTR) _exit(1);
	}
	struct sp_note note = {.kind = SP_NOTE_ENDED, .status = status, .at_ns = sp_mono_ns()};
	_exit(write(0, &note, sizeof note) == sizeof note ? 0 : 1);
}
