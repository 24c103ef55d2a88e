/* SPDX-License-Identifier: MIT */
#include "box_world.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "box/sys.h"

/* The box's loop may come back with a deadline that is over, but each time it has done something about it. */
#define SPINS_MAX 16

struct bw_world bw;

static bool active;
static jmp_buf out;
static bw_script *script;
static unsigned spins;

struct bw_proc *bw_born(bool launcher, int *pidfd)
{
	struct stat st;
	int p[2];

	if (bw.nprocs == BW_PROCS) return NULL;
	FZ_CHECK(pipe2(p, O_CLOEXEC) == 0 && fstat(p[0], &st) == 0);
	struct bw_proc *b = &bw.procs[bw.nprocs++];
	*b = (struct bw_proc){.pid = (pid_t)(1000 + bw.nprocs), .inode = st.st_ino, .life = p[1], .chan = -1, .launcher = launcher};
	*pidfd = p[0];
	return b;
}

void bw_die(struct bw_proc *p)
{
	if (p->life >= 0) close(sp_steal_fd(&p->life));
	if (p->chan >= 0) close(sp_steal_fd(&p->chan));
}

void bw_reset(void)
{
	for (unsigned i = 0; i < bw.nprocs; i++) bw_die(&bw.procs[i]);
	bw = (struct bw_world){.now_ns = INT64_C(1000000000000), .pair = {-1, -1}};
	spins = 0;
}

enum bw_end bw_run(const struct sp_box *b, bw_script *next)
{
	script = next;
	active = true;
	int how = setjmp(out);
	if (how == 0) sp_box_main(b);
	active = false;
	return how == 1 ? BW_SCRIPT : BW_EXIT;
}

/* ---- what the linker calls instead */

long __real_syscall(long number, ...);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f);
pid_t __real_waitpid(pid_t pid, int *status, int options);
pid_t __wrap_waitpid(pid_t pid, int *status, int options);
int __real_epoll_pwait2(int epfd, struct epoll_event *events, int max, const struct timespec *timeout, const sigset_t *mask);
int __wrap_epoll_pwait2(int epfd, struct epoll_event *events, int max, const struct timespec *timeout, const sigset_t *mask);
int64_t __real_sp_mono_ns(void);
int64_t __wrap_sp_mono_ns(void);
void __real__exit(int status) SP_NORETURN;
void __wrap__exit(int status) SP_NORETURN;
int __real_socketpair(int domain, int type, int protocol, int pair[2]);
int __wrap_socketpair(int domain, int type, int protocol, int pair[2]);
int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __wrap_dprintf(int fd, const char *format, ...) SP_PRINTF(2, 3);
int __wrap___dprintf_chk(int fd, int flag, const char *format, ...) SP_PRINTF(3, 4);
int vdprintf(int fd, const char *format, va_list ap) SP_PRINTF(2, 0);

static pid_t clone_launcher(struct clone_args *a)
{
	struct bw_proc *p;
	int pidfd;

	FZ_CHECK(a->flags == (CLONE_NEWUSER | CLONE_NEWPID | CLONE_PIDFD));
	if (bw.fail_clones) {
		bw.fail_clones--;
		errno = ENOSPC;
		return -1;
	}
	if (!(p = bw_born(true, &pidfd))) {
		errno = EAGAIN;
		return -1;
	}
	p->chan = fcntl(bw.pair[1], F_DUPFD_CLOEXEC, 3);
	FZ_CHECK(p->chan >= 0 && fcntl(p->chan, F_SETFL, O_NONBLOCK) == 0);
	*(int *)(uintptr_t)a->pidfd = pidfd;
	return p->pid;
}

/* Only by such a descriptor may the box signal, and only so. */
static long send_signal(int pidfd, int sig)
{
	struct stat st;

	FZ_CHECK(sig == SIGKILL);
	for (unsigned i = 0; fstat(pidfd, &st) == 0 && i < bw.nprocs; i++) {
		struct bw_proc *p = &bw.procs[i];
		if (p->inode != st.st_ino || !S_ISFIFO(st.st_mode)) continue;
		p->killed = true;
		if (!p->stubborn) bw_die(p);
		return 0;
	}
	errno = EBADF; /* what a launcher has passed for a pidfd need not be one */
	return -1;
}

/* With as many parameters as any system call has: what is not there is not looked at. */
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	if (active && number == SYS_clone3) return clone_launcher((struct clone_args *)(uintptr_t)a);
	if (active && number == SYS_pidfd_send_signal) return send_signal((int)a, (int)b);
	return __real_syscall(number, a, b, c, d, e, f);
}

pid_t __wrap_waitpid(pid_t pid, int *status, int options)
{
	if (!active) return __real_waitpid(pid, status, options);
	FZ_CHECK(options & WNOHANG); /* the box waits for nothing but its loop */
	for (unsigned i = 0; i < bw.nprocs; i++) {
		struct bw_proc *p = &bw.procs[i];
		if (p->pid != pid) continue;
		FZ_CHECK(p->launcher && !p->reaped); /* nobody else's child, and nobody twice */
		if (p->life >= 0) return 0;
		p->reaped = true;
		return pid;
	}
	fz_failed(__FILE__, __LINE__, "waits for a process that was never born");
}

int __wrap_epoll_pwait2(int epfd, struct epoll_event *events, int max, const struct timespec *timeout, const sigset_t *mask)
{
	if (!active) return __real_epoll_pwait2(epfd, events, max, timeout, mask);
	for (;;) {
		int n = epoll_wait(epfd, events, max, 0);
		FZ_CHECK(n >= 0);
		if (n > 0) {
			spins = 0;
			return n;
		}
		if (timeout && timeout->tv_sec == 0 && timeout->tv_nsec == 0) {
			FZ_CHECK(++spins < SPINS_MAX); /* a deadline that is over, and that nothing is done about */
			return 0;
		}
		spins = 0;
		int64_t before = bw.now_ns;
		active = false;
		bool more = script();
		active = true;
		if (!more) longjmp(out, 1);
		if (bw.now_ns != before) return 0;
	}
}

int64_t __wrap_sp_mono_ns(void) { return active ? bw.now_ns : __real_sp_mono_ns(); }

void __wrap__exit(int status)
{
	if (active) longjmp(out, 2);
	__real__exit(status);
}

int __wrap_socketpair(int domain, int type, int protocol, int pair[2])
{
	int rc = __real_socketpair(domain, type, protocol, pair);
	if (active && rc == 0) memcpy(bw.pair, pair, sizeof bw.pair);
	return rc;
}

/* Id maps and sysctls. */
static bool is_of_host(const char *path, const char **instead)
{
	if (!active || strncmp(path, "/proc/", 6) != 0) return false;
	*instead = bw.fail_maps && strstr(path, "_map") ? "/proc/nothing-of-this-name" : "/dev/null";
	return true;
}

#define OPEN(real) \
	do { \
		va_list ap; \
		va_start(ap, flags); \
		mode_t mode = flags & O_CREAT ? va_arg(ap, mode_t) : 0; \
		va_end(ap); \
		const char *instead; \
		return real(is_of_host(path, &instead) ? instead : path, flags, mode); \
	} while (0)

int __wrap_open(const char *path, int flags, ...) { OPEN(__real_open); }
int __wrap_open64(const char *path, int flags, ...) { OPEN(__real_open64); }

/* The box's log is not looked at; a broken invariant speaks. */
#define PRINT \
	do { \
		va_list ap; \
		int n = 0; \
		va_start(ap, format); \
		if (strncmp(format, "serapis-box: ", 13) != 0) n = vdprintf(fd, format, ap); \
		va_end(ap); \
		return n; \
	} while (0)

int __wrap_dprintf(int fd, const char *format, ...) { PRINT; }
int __wrap___dprintf_chk(int fd, int flag, const char *format, ...) { PRINT; }
