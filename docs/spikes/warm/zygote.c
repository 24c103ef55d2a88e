/* SPDX-License-Identifier: MIT */
/*
 * Spike, no product code (docs/warm-spike.md): what is the same for all interpreters. Preloaded into the unmodified interpreter.
 *
 * Three kinds of processes run this: a master (booted by the box in its own user namespace, or by a launcher in the slot), a sub-zygote in a slot, and the
 * runs. What turns one into the next is the runtime's own fork, whose last step, libc's fork(), is the one below.
 */
#include "zygote.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "box/die.h"
#include "box/files.h"
#include "box/inner.h"
#include "box/mounts.h"
#include "box/sys.h"
#include "box/wire.h"
#include "seccomp_run.h"

#define VISIBLE __attribute__((visibility("default")))

static bool armed; /* the next fork() makes a run */
static bool keep_numbers;
static struct zy_order order;
static int fds[ZY_FDS];
static unsigned nfds;
static int own_pid_ns, proc, null_fd;
static int inherited[256]; /* what the sub-zygote has open when it begins to serve */
static unsigned ninherited;
static struct prctl_mm_map mm;
static void *robust;
static size_t robust_size;
static struct sp_spec spec;
static int ready, sync_fd, cpu = -1;
static const char *stage = "";

VISIBLE int zy_argc;
VISIBLE char **zy_argv, **zy_envp;

static void die(const char *what)
{
	struct zy_answer a = {.what = ZY_FAILED, .errnum = errno};
	snprintf(a.text, sizeof a.text, "%s", what);
	(void)!sp_wire_send(ZY_CHANNEL, &a, sizeof a, NULL, 0, 0);
	dprintf(2, "zygote: %s: %s\n", what, strerror(a.errnum));
	_exit(1);
}

VISIBLE void zy_random(void *p, size_t n)
{
	if (getrandom(p, n, 0) != (ssize_t)n) _exit(1);
}

/* ---- master → sub-zygote */

/* What PR_SET_MM_MAP wants besides what it is to change. Fields by the numbers of proc(5). */
static void read_mm(void)
{
	char text[2048];
	int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
	if (n <= 0) die("/proc/self/stat");
	close(fd);
	text[n] = 0;
	unsigned long long f[53] = {0};
	unsigned k = 3;
	for (char *p = strrchr(text, ')') + 2; k <= 52 && *p; k++) {
		f[k] = strtoull(p, NULL, 10); /* 3 is a letter */
		p += strcspn(p, " ");
		if (*p) p++;
	}
	mm = (struct prctl_mm_map){.start_code = f[26],
	        .end_code = f[27],
	        .start_stack = f[28],
	        .start_data = f[45],
	        .end_data = f[46],
	        .start_brk = f[47],
	        .exe_fd = (uint32_t)-1};
}

static void list_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	if (!d) die("/proc/self/fd");
	ninherited = 0;
	for (struct dirent *e; (e = readdir(d));) {
		int fd = atoi(e->d_name);
		if (fd > 2 && fd != dirfd(d) && ninherited < SP_COUNT(inherited)) inherited[ninherited++] = fd;
	}
	closedir(d);
}

/* What the launcher has set for cold runs (sp_container_prepare) has to be set here for warm ones: the exec of the interpreter would have lost the powers
 * that a sub-zygote needs. */
static void settle_powers(void)
{
	for (int cap = 0; cap <= 63; cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 && errno != EINVAL) die("PR_CAPBSET_DROP");
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0) die("PR_CAP_AMBIENT");
	if (prctl(PR_SET_SECUREBITS,
	            SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
	                    SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED,
	            0, 0, 0) < 0)
		die("PR_SET_SECUREBITS");
	struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct d[2] = {{0}};
	d[0].effective = d[0].permitted = 1u << CAP_SYS_ADMIN | 1u << CAP_SYS_CHROOT | 1u << CAP_SETUID | 1u << CAP_SETGID |
	                                  (getenv("SPIKE_PTRACE") ? 1u << CAP_SYS_PTRACE : 0);
	if (syscall(SYS_capset, &h, d) < 0) die("capset");
}

static pid_t (*libc_fork)(void);
static bool leaving; /* the process that forks next ends at once, before its runtime does anything after the fork */

/* What a launcher sets for what it forks (sp_container_prepare), for a process that does not come from it. */
static void limit_slot(void)
{
	static const struct {
		int what;
		rlim_t value;
	} limits[] = {{RLIMIT_CORE, 1}, {RLIMIT_SIGPENDING, 256}, {RLIMIT_MEMLOCK, 64 << 10}, {RLIMIT_MSGQUEUE, 0}, {RLIMIT_NICE, 0},
	        {RLIMIT_RTPRIO, 0}};
	for (size_t i = 0; i < SP_COUNT(limits); i++)
		if (setrlimit(limits[i].what, &(struct rlimit){limits[i].value, limits[i].value}) < 0) die("slot limits");
	umask(022);
}

/*
 * In a fork of the master: into the slot. Only the uid counts here: it owns the slot's user namespace, and so has every capability in it.
 * The sub-zygote must be a child of the launcher. It becomes that by being orphaned inside the launcher's pid namespace: this process (still outside) →
 * one inside → the sub-zygote.
 */
static void plant(const struct zy_plant *m, int *at, unsigned n, pid_t (*fork_with_hooks)(void))
{
	for (unsigned i = 2; i < n; i++) {
		int procs = openat(at[i], "cgroup.procs", O_WRONLY | O_CLOEXEC);
		if (procs < 0 || write(procs, "0", 1) != 1) die("entering the slot's cgroup");
		close(procs);
	}
	if (setns(at[0], CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET) < 0) die("entering the slot's namespaces");
	if (!m->single &&
	        (syscall(SYS_setgroups, 0, NULL) < 0 || syscall(SYS_setresgid, 0, 0, 0) < 0 || syscall(SYS_setresuid, 0, 0, 0) < 0))
		die("taking the slot's ids");
	if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0 || sp_sys_join_session_keyring() < 0) die("dumpable, keyring");
	if (dup3(at[1], ZY_CHANNEL, O_CLOEXEC) < 0) die("channel");
	for (unsigned i = 0; i < n; i++)
		if (at[i] != ZY_CHANNEL) close(at[i]);
	limit_slot();
	pid_t p = fork_with_hooks(); /* also here: Ruby's before-fork believes what its last after-fork has noted */
	if (p > 0) {
		waitpid(p, NULL, 0);
		_exit(0);
	}
	if (p < 0) die("fork");
	leaving = true;
	if (fork_with_hooks() != 0) _exit(1);
	leaving = false;
}

/* Until a sub-zygote is wanted; returns in the sub-zygote. */
static void be_master(pid_t (*fork_with_hooks)(void))
{
	struct zy_answer a = {.what = ZY_UP, .pid = getpid()};
	if (sp_wire_send(ZY_CHANNEL, &a, sizeof a, NULL, 0, 0) < 0) _exit(1);
	for (;;) {
		struct zy_plant m;
		if (sp_wire_recv(ZY_CHANNEL, &m, sizeof m, fds, ZY_FDS, &nfds, 0) < 0) _exit(0);
		pid_t p = fork_with_hooks();
		if (p == 0) {
			plant(&m, fds, nfds, fork_with_hooks);
			return;
		}
		while (nfds) close(fds[--nfds]);
		if (p > 0) waitpid(p, NULL, 0);
	}
}

VISIBLE void zy_sub(bool keep, pid_t (*fork_with_hooks)(void))
{
	if (getpid() < ZY_PID_MIN) die("the master's pid is one that a run can have");
	if (getenv("ZY_MASTER")) {
		be_master(fork_with_hooks);
		/* Until A is gone this is A's child, and so would be what CLONE_PARENT makes: the launcher's wait for it would be ECHILD. */
		while (getppid() != 1) usleep(200);
	} else {
		pid_t p = fork_with_hooks(); /* libc's, not armed yet: from here on one thread */
		if (p < 0) die("fork");
		if (p > 0) _exit(0);
	}
	if (getpid() < ZY_PID_MIN) die("the sub-zygote's pid is one that a run can have");
	keep_numbers = keep;
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	own_pid_ns = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
	if (null_fd < 0 || proc < 0 || own_pid_ns < 0) die("opening what a sub-zygote needs");
	if (syscall(SYS_get_robust_list, 0, &robust, &robust_size) < 0) die("get_robust_list");
	read_mm();
	settle_powers();
	list_descriptors();
	struct zy_answer a = {.what = ZY_UP, .pid = getpid()};
	if (sp_wire_send(ZY_CHANNEL, &a, sizeof a, NULL, 0, 0) < 0) _exit(1);
}

/* ---- the run */

static void note_sink(int fd, const struct sp_box_error *e)
{
	struct sp_note n = {.kind = SP_NOTE_FAILED, .error = *e};
	(void)!write(fd, &n, sizeof n);
}

static void join(unsigned at)
{
	static const int kinds[] = {CLONE_NEWPID, CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWUTS, CLONE_NEWCGROUP};
	if (!(order.flags & ZY_NSFDS)) {
		if (setns(fds[at], CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP) < 0)
			sp_die(SP_BOX_E_SETUP, errno, "joining the container");
		return;
	}
	for (int i = ZY_NS_MNT; i < ZY_NS_COUNT; i++)
		if (setns(fds[at + (unsigned)i], kinds[i]) < 0) sp_die(SP_BOX_E_SETUP, errno, "joining namespace %d", i);
}

static void limit(int what, rlim_t v)
{
	struct rlimit now;
	if (getrlimit(what, &now) == 0 && now.rlim_max < v) v = now.rlim_max;
	if (setrlimit(what, &(struct rlimit){v, v}) < 0) sp_die(SP_BOX_E_SETUP, errno, "setting resource limit %d", what);
}

static void become(void)
{
	struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {{0}};
	if (((order.flags & ZY_DROP_GROUPS) && syscall(SYS_setgroups, 0, NULL) < 0) ||
	        syscall(SYS_setresgid, SP_RUN_UID, SP_RUN_UID, SP_RUN_UID) < 0 ||
	        syscall(SYS_setresuid, SP_RUN_UID, SP_RUN_UID, SP_RUN_UID) < 0 || syscall(SYS_capset, &h, none) < 0)
		sp_die(SP_BOX_E_SETUP, errno, "taking the ids of the program");
}

/* argv and environment as they would be after an exec, for the program and for whoever looks at its /proc. */
static void take_spec(int fd)
{
	uint64_t size;
	if (sp_box_check_sealed(fd, SP_BOX_SPEC_BYTES_MAX, &size) < 0) sp_die(SP_BOX_E_REQUEST, 0, "the spec is not a sealed memfd");
	char *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (bytes == MAP_FAILED) sp_die(SP_BOX_E_SETUP, errno, "room for the spec");
	for (uint64_t at = 0; at < size;) {
		ssize_t n = pread(fd, bytes + at, size - at, (off_t)at);
		if (n <= 0) sp_die(SP_BOX_E_SETUP, errno, "reading the spec");
		at += (uint64_t)n;
	}
	const char *fault = sp_spec_parse(&spec, bytes, size);
	if (fault) sp_die(SP_BOX_E_REQUEST, 0, "%s", fault);
	zy_argv = spec.argv;
	for (zy_argc = 0; spec.argv[zy_argc]; zy_argc++) continue;
	zy_envp = spec.envp;
	environ = spec.envp;
	char *env = spec.argv[zy_argc - 1] + strlen(spec.argv[zy_argc - 1]) + 1;
	mm.arg_start = (uint64_t)(uintptr_t)spec.argv[0];
	mm.arg_end = mm.env_start = (uint64_t)(uintptr_t)env;
	mm.env_end = (uint64_t)(uintptr_t)spec.cwd;
	mm.brk = (uint64_t)(uintptr_t)sbrk(0);
	if (prctl(PR_SET_MM, PR_SET_MM_MAP, &mm, sizeof mm, 0) < 0) sp_die(SP_BOX_E_SETUP, errno, "PR_SET_MM_MAP");
	const char *base = strrchr(spec.argv[0], '/');
	prctl(PR_SET_NAME, base ? base + 1 : spec.argv[0], 0, 0, 0);
}

static int by_number(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }

static void enter(void)
{
	unsigned at = 0, n = order.flags & ZY_NSFDS ? ZY_NS_COUNT : 1;
	unsigned container = at;
	at += n;
	int spec_fd = fds[at++], out = fds[at++], err = order.flags & ZY_MERGE ? out : fds[at++];
	int in = order.flags & ZY_HAS_IN ? fds[at++] : null_fd;
	sync_fd = fds[at++];
	ready = fds[at++];
	if (order.flags & ZY_HAS_CPU) cpu = fds[at++];
	sp_die_to(note_sink, ready, false);

	/* While the file is still ours, and our proc, which is writable, still in sight. */
	int oom = openat(proc, "self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (oom < 0 || write(oom, "1000", 4) != 4) sp_die(SP_BOX_E_SETUP, errno, "setting oom_score_adj");
	close(oom);
	join(container);
	if (!(order.flags & ZY_NSFDS) && write(sync_fd, "J", 1) != 1) sp_die(SP_BOX_E_SETUP, errno, "telling init");
	syscall(SYS_set_robust_list, robust, robust_size);
	setsid();
	if (in != null_fd && lseek(in, 0, SEEK_SET) < 0) sp_die(SP_BOX_E_SETUP, errno, "rewinding stdin");
	if (in == null_fd) {
		in = open("/dev/null", O_RDONLY | O_CLOEXEC); /* the container's, read-only as in a cold start */
		if (in < 0) sp_die(SP_BOX_E_SETUP, errno, "/dev/null");
	}
	if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0) sp_die(SP_BOX_E_SETUP, errno, "setting up stdio");
	limit(RLIMIT_NOFILE, order.open_files);
	limit(RLIMIT_FSIZE, order.file_bytes);
	limit(RLIMIT_STACK, order.stack_bytes);
	limit(RLIMIT_NPROC, order.processes);
	limit(RLIMIT_CPU, order.cpu_seconds);
	become();
	take_spec(spec_fd);

	/* The release. End of file instead: init is dead, and we are about to be. */
	char go;
	if (read(sync_fd, &go, 1) != 1) _exit(1);

	/* Numbers that the runtime still believes in may name nothing but /dev/null; all else that came from the sub-zygote goes. */
	int keep[SP_COUNT(inherited) + 2], nkeep = 0, null_here = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null_here < 0) sp_die(SP_BOX_E_SETUP, errno, "/dev/null");
	for (unsigned i = 0; keep_numbers && i < ninherited; i++) {
		int fd = inherited[i];
		if (fd == ZY_CHANNEL || fd == own_pid_ns || fd == proc || fd == null_fd) continue;
		if (dup3(null_here, fd, O_CLOEXEC) < 0) sp_die(SP_BOX_E_SETUP, errno, "replacing a descriptor");
		keep[nkeep++] = fd;
	}
	keep[nkeep++] = ready;
	if (cpu >= 0) keep[nkeep++] = cpu;
	qsort(keep, (size_t)nkeep, sizeof *keep, by_number);
	unsigned from = 3;
	for (int i = 0; i < nkeep; i++) {
		if ((unsigned)keep[i] > from) sp_sys_close_range(from, (unsigned)keep[i] - 1, 0);
		from = (unsigned)keep[i] + 1;
	}
	sp_sys_close_range(from, ~0U, 0);
	if (chdir(spec.cwd) < 0) sp_die(SP_BOX_E_EXEC, errno, "the working directory %.200s", spec.cwd);
}

/* v1's form only, which is what the spike was run on; the product has sp_cgroup_cpu_fd. */
static uint64_t cpu_time(int fd)
{
	char s[32];
	ssize_t n = fd < 0 ? 0 : pread(fd, s, sizeof s - 1, 0);
	s[n > 0 ? n : 0] = 0;
	return strtoull(s, NULL, 10);
}

VISIBLE void zy_fail(const char *what) { sp_die(SP_BOX_E_SETUP, 0, "%.300s", what); }

VISIBLE void zy_seal(void)
{
	struct sp_note note = {.kind = SP_NOTE_READY};
	struct sock_fprog f = {.len = SP_COUNT(sp_seccomp_run), .filter = (struct sock_filter *)(uintptr_t)sp_seccomp_run};
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	note.cpu = cpu_time(cpu);
	if (cpu >= 0) close(cpu);
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &f) < 0) sp_die(SP_BOX_E_SETUP, errno, "installing the system call filter");
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	note.at_ns = sp_mono_ns();
	if (write(ready, &note, sizeof note) != sizeof note) _exit(1);
	close(ready);
}

/* ---- the sub-zygote */

static pid_t make_run(void)
{
	int *tid = NULL, child = -1;
	stage = "setns(CLONE_NEWPID)";
	if (setns(fds[0], CLONE_NEWPID) < 0) return -1;
	prctl(PR_GET_TID_ADDRESS, &tid, 0, 0, 0);
	struct clone_args a = {.flags = CLONE_PARENT | CLONE_PIDFD | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID,
	        .pidfd = (uint64_t)(uintptr_t)&child,
	        .child_tid = (uint64_t)(uintptr_t)tid};
	if (order.flags & ZY_HAS_CGROUP) {
		a.flags |= CLONE_INTO_CGROUP;
		a.cgroup = (uint64_t)fds[nfds - 1];
	}
	stage = "clone3";
	pid_t p = (pid_t)syscall(SYS_clone3, &a, sizeof a);
	if (p == 0) {
		armed = false;
		enter();
		return 0;
	}
	int why = errno;
	/* Before anything else: until then the runtime could make no thread, and once that container is dead no fork would succeed (box-rules.md 26). */
	if (setns(own_pid_ns, CLONE_NEWPID) < 0) die("going back");
	if (p > 0) close(child);
	errno = why;
	return p;
}

/* A clone3 of our own runs no handler of pthread_atfork(), and libuv and others rely on theirs; so we remember them. */
static struct {
	void (*prepare)(void), (*parent)(void), (*child)(void);
} handlers[64];
static unsigned nhandlers;

VISIBLE int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void), void *dso)
{
	static int (*real)(void (*)(void), void (*)(void), void (*)(void), void *);
	if (!real) real = (int (*)(void (*)(void), void (*)(void), void (*)(void), void *))dlsym(RTLD_NEXT, "__register_atfork");
	if (nhandlers == SP_COUNT(handlers)) return ENOMEM;
	handlers[nhandlers].prepare = prepare;
	handlers[nhandlers].parent = parent;
	handlers[nhandlers++].child = child;
	return real(prepare, parent, child, dso);
}

static pid_t make_run_with_handlers(void)
{
	for (unsigned i = nhandlers; i-- > 0;)
		if (handlers[i].prepare) handlers[i].prepare();
	pid_t p = make_run();
	int why = errno;
	for (unsigned i = 0; i < nhandlers; i++) {
		void (*f)(void) = p == 0 ? handlers[i].child : handlers[i].parent;
		if (f) f();
	}
	errno = why;
	return p;
}

VISIBLE pid_t fork(void)
{
	if (armed) return make_run_with_handlers();
	if (!libc_fork) libc_fork = (pid_t(*)(void))dlsym(RTLD_NEXT, "fork");
	pid_t p = libc_fork();
	if (p > 0 && leaving) _exit(0);
	return p;
}

/* V8 marks its heap so that a fork would not have it. Only that advice is dropped: MADV_WIPEONFORK is what random generators rely on. */
VISIBLE int madvise(void *p, size_t n, int advice) { return advice == MADV_DONTFORK ? 0 : (int)syscall(SYS_madvise, p, n, advice); }

VISIBLE void zy_serve(pid_t (*fork_with_hooks)(void))
{
	for (;;) {
		if (sp_wire_recv(ZY_CHANNEL, &order, sizeof order, fds, ZY_FDS, &nfds, 0) < 0) _exit(0);
		armed = true;
		pid_t p = fork_with_hooks();
		if (p == 0) return;
		struct zy_answer a = {.what = p > 0 ? ZY_FORKED : ZY_FAILED, .pid = p, .errnum = p > 0 ? 0 : errno};
		armed = false;
		if (p <= 0) snprintf(a.text, sizeof a.text, "%s", stage);
		while (nfds) close(fds[--nfds]);
		if (sp_wire_send(ZY_CHANNEL, &a, sizeof a, NULL, 0, 0) < 0) _exit(0);
	}
}
