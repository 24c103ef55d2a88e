/* SPDX-License-Identifier: MIT */
/*
 * The starter: a child process that holds the right to start serapis-box after the service has given up its own (runtime/native.h).
 *
 * It trusts the service with nothing: program (a descriptor, so that nobody can put another one at its path), arguments and environment are fixed when it is
 * forked, and its two requests carry no data but the control channel's end. It has one box at a time. When its socket closes it sees the box off and exits.
 *
 * It may be forked from a process that has threads already (tests do so), so after the fork it keeps to system calls and allocates nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "runtime/native.h"

#define CONTROL_FD 3 /* in the box; the text of it is in argv */

struct starter {
	int sock, box, events;
	char *const *argv;
	int64_t stop_ns;
	pid_t stub; /* 0: no box */
	int64_t kill_at; /* 0: not yet; when the next harder measure is due */
	int measure; /* 0 nothing was done, 1 the box was killed, 2 the stub too */
};

/* --- In the service: find and fork --------------------------------------- */

/* A program that can be executed, or -1 with errno. */
static int open_program(const char *path)
{
	sp_autoclose int fd = open(path, O_PATH | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st)) return -1;
	if (!S_ISREG(st.st_mode) || faccessat(AT_FDCWD, path, X_OK, AT_EACCESS)) {
		errno = EACCES;
		return -1;
	}
	return sp_steal_fd(&fd);
}

static int fail_program(const char *path, int errnum, struct sp_err *err)
{
	struct statvfs fs;
	struct stat st;

	if (errnum == ENOENT) return sp_fail(err, SP_E_UNSUPPORTED, 0, "there is no serapis-box at %s; name it with --box-path", path);
	if (errnum != EACCES || stat(path, &st)) return sp_fail(err, SP_E_UNSUPPORTED, errnum, "serapis-box at %s", path);
	if (!S_ISREG(st.st_mode)) return sp_fail(err, SP_E_UNSUPPORTED, 0, "%s is not a program; name serapis-box with --box-path", path);
	if (statvfs(path, &fs) == 0 && fs.f_flag & ST_NOEXEC)
		return sp_fail(err, SP_E_UNSUPPORTED, 0,
		        "serapis-box at %s is on a file system that is mounted noexec; mount -o remount,exec it, or put the program "
		        "elsewhere",
		        path);
	return sp_fail(err, SP_E_UNSUPPORTED, 0, "serapis-box at %s may not be executed by this user; chmod 755 %s", path, path);
}

int sp_starter_find_box(const char *given, struct sp_err *err)
{
	static const char *const beside[] = {"", "../box/", "../libexec/serapis/"};
	char exe[2048], path[4096];
	int fd;

	if (given) return (fd = open_program(given)) < 0 ? fail_program(given, errno, err) : fd;
	ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
	if (n > 0) {
		exe[n] = '\0';
		*(strrchr(exe, '/') + 1) = '\0';
		for (size_t i = 0; i < SP_COUNT(beside); i++) {
			if (snprintf(path, sizeof path, "%s%sserapis-box", exe, beside[i]) < (int)sizeof path &&
			        (fd = open_program(path)) >= 0)
				return fd;
		}
	}
	if ((fd = open_program(SP_LIBEXECDIR "/serapis-box")) >= 0) return fd;
	for (const char *p = getenv("PATH"); p && *p;) {
		int len = (int)(strchrnul(p, ':') - p);

		/* An empty or relative part means the current directory: not a place to start a privileged program from. */
		if (*p == '/' && snprintf(path, sizeof path, "%.*s/serapis-box", len, p) < (int)sizeof path &&
		        (fd = open_program(path)) >= 0)
			return fd;
		p += len + (p[len] == ':');
	}
	return sp_fail(err, SP_E_UNSUPPORTED, 0,
	        "serapis-box was not found beside this program, in %s or in PATH; install it, or name it with --box-path", SP_LIBEXECDIR);
}

static void starter_main(struct starter *s) SP_NORETURN;

int sp_starter_fork(int box, const char *policy, pid_t *pid, int64_t stop_ms, struct sp_err *err)
{
	char name[] = "serapis-box", control_flag[] = "--control-fd", policy_flag[] = "--policy", control[8];
	char *argv[] = {name, control_flag, control, NULL, NULL, NULL};
	int pair[2];

	snprintf(control, sizeof control, "%d", CONTROL_FD);
	/* The starter works in "/". */
	sp_autofree char *absolute = policy && policy[0] != '/' ? realpath(policy, NULL) : sp_strdup(policy);
	if (policy && !absolute) return sp_fail(err, SP_E_INVALID, errno, "policy %.160s", policy);
	if (policy) {
		argv[3] = policy_flag;
		argv[4] = absolute;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return sp_fail(err, SP_E_IO, errno, "socket pair for the box's starter");
	*pid = fork();
	if (*pid < 0) {
		int e = errno;
		close(pair[0]);
		close(pair[1]);
		return sp_fail(err, SP_E_IO, e, "fork the box's starter");
	}
	if (*pid == 0) {
		struct starter s = {.sock = pair[1], .box = box, .events = -1, .argv = argv, .stop_ns = stop_ms * SP_NS_PER_MS};
		starter_main(&s);
	}
	close(pair[1]);
	return pair[0];
}

int sp_starter_start(int starter, int control_end, struct sp_err *err)
{
	char ask = 'S';
	union {
		struct cmsghdr h;
		char space[CMSG_SPACE(sizeof(int))];
	} c = {0};
	struct iovec iov = {&ask, 1};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof c};

	c.h = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
	memcpy(CMSG_DATA(&c.h), &control_end, sizeof(int));
	if (sendmsg(starter, &msg, MSG_NOSIGNAL) < 0)
		return sp_fail(err, SP_E_UNAVAILABLE, errno, "the process that starts serapis-box is gone");
	return 0;
}

void sp_starter_kill(int starter)
{
	char ask = 'K';

	/* A starter that is gone saw the box off itself. */
	(void)!send(starter, &ask, 1, MSG_NOSIGNAL);
}

int sp_starter_recv(int starter, struct sp_starter_msg *m)
{
	ssize_t n;

	do n = recv(starter, m, sizeof *m, 0);
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)sizeof *m) return 0;
	if (n >= 0) errno = ECONNRESET;
	return -1;
}

int sp_starter_children(pid_t pid, pid_t *out, int max)
{
	char path[64], text[1024];
	int count = 0;

	snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
	sp_autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) return 0;
	ssize_t n = read(fd, text, sizeof text - 1);
	if (n <= 0) return 0;
	text[n] = '\0';
	for (char *p = text; count < max;) {
		char *end;
		long v = strtol(p, &end, 10);
		if (end == p) break;
		out[count++] = (pid_t)v;
		p = end;
	}
	return count;
}

/* --- In the starter ------------------------------------------------------ */

static void reply(struct starter *s, uint32_t what, int32_t value)
{
	struct sp_starter_msg m = {what, value};

	if (s->sock >= 0) (void)!send(s->sock, &m, sizeof m, MSG_NOSIGNAL);
}

static void box_main(struct starter *s, int control, int report) SP_NORETURN;
static void box_main(struct starter *s, int control, int report)
{
	static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", locale[] = "LC_ALL=C.UTF-8";
	static char *const env[] = {path, locale, NULL};
	sigset_t none;

	/* The control end may sit on the number it shall get; dup2 would then leave its close-on-exec flag on. */
	if (control == CONTROL_FD ? fcntl(control, F_SETFD, 0) : dup2(control, CONTROL_FD) < 0) goto failed;
	sigemptyset(&none);
	if (sigprocmask(SIG_SETMASK, &none, NULL)) goto failed;
	syscall(SYS_execveat, s->box, "", s->argv, env, AT_EMPTY_PATH);
failed:;
	int e = errno;
	(void)!write(report, &e, sizeof e);
	_exit(127);
}

static void start_box(struct starter *s, int control)
{
	int report[2], e = 0;

	if (s->stub || control < 0) return reply(s, SP_STARTER_FAILED, s->stub ? EBUSY : EPROTO);
	if (pipe2(report, O_CLOEXEC)) return reply(s, SP_STARTER_FAILED, errno);
	s->stub = fork();
	if (s->stub == 0) box_main(s, control, report[1]);
	if (s->stub < 0) {
		e = errno;
		s->stub = 0;
	}
	close(report[1]);
	/* Nothing within exec can wait for us, so this read ends. */
	if (!e && read(report[0], &e, sizeof e) == (ssize_t)sizeof e) {
		waitpid(s->stub, NULL, 0);
		s->stub = 0;
	}
	close(report[0]);
	s->kill_at = 0;
	s->measure = 0;
	if (s->stub)
		reply(s, SP_STARTER_STARTED, s->stub);
	else
		reply(s, SP_STARTER_FAILED, e);
}

/* The stub's child is the box, pid 1 of its namespace: with it ends everything below. The stub is left to clean up after it. */
static void kill_box(struct starter *s)
{
	pid_t kids[16], again[16];
	int n = sp_starter_children(s->stub, kids, (int)SP_COUNT(kids));

	for (int i = 0; i < n; i++) {
		/* The stub may reap its child between the look and the kill, and the number may be another's by then: pin it, look again. */
		sp_autoclose int fd = (int)syscall(SYS_pidfd_open, kids[i], 0);
		int m = fd < 0 ? 0 : sp_starter_children(s->stub, again, (int)SP_COUNT(again));
		for (int k = 0; k < m; k++) {
			if (again[k] == kids[i]) syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
		}
	}
	if (n == 0) kill(s->stub, SIGKILL); /* our child and not reaped: the number is its own */
}

/* What the stub left behind comes to us, because we are a subreaper. */
static void kill_orphans(void)
{
	pid_t kids[64];
	int n = sp_starter_children(getpid(), kids, (int)SP_COUNT(kids));

	for (int i = 0; i < n; i++) kill(kids[i], SIGKILL);
}

static void take_measure(struct starter *s)
{
	s->measure++;
	if (s->measure == 1)
		kill_box(s);
	else
		kill(s->stub, SIGKILL);
	s->kill_at = sp_mono_ns() + s->stop_ns;
}

static void reap(struct starter *s)
{
	int status;
	pid_t p;

	while ((p = waitpid(-1, &status, WNOHANG)) > 0) {
		if (p != s->stub) continue;
		s->stub = 0;
		s->kill_at = 0;
		kill_orphans();
		reply(s, SP_STARTER_EXITED, status);
	}
}

static void take_request(struct starter *s)
{
	char ask = 0;
	union {
		struct cmsghdr h;
		char space[CMSG_SPACE(2 * sizeof(int))]; /* that is what padding makes of room for one, so look at both */
	} c = {0};
	struct iovec iov = {&ask, 1};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof c};
	ssize_t n = recvmsg(s->sock, &msg, MSG_CMSG_CLOEXEC);
	sp_autoclose int fd = -1;

	if (n < 0 && errno == EINTR) return;
	if (n > 0 && msg.msg_controllen >= CMSG_LEN(sizeof(int)) && c.h.cmsg_level == SOL_SOCKET && c.h.cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(&c.h), sizeof fd);
	if (fd >= 0 && c.h.cmsg_len >= CMSG_LEN(2 * sizeof(int))) {
		int more;
		memcpy(&more, CMSG_DATA(&c.h) + sizeof fd, sizeof more);
		close(more);
	}
	if (n <= 0) {
		/* The service is gone. The box sees that on its own channel and goes too; see to it that it does. */
		close(sp_steal_fd(&s->sock));
		if (s->stub && !s->kill_at) s->kill_at = sp_mono_ns() + s->stop_ns;
	} else if (ask == 'S') {
		start_box(s, fd);
	} else if (ask == 'K' && s->stub && s->measure == 0) {
		take_measure(s);
	}
}

static void starter_main(struct starter *s)
{
	sigset_t chld;
	int keep[2];

	prctl(PR_SET_NAME, "serapis-starter");
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	/* Out of the terminal's process group: Ctrl-C is for the service, which ends the box when its work is done. A manager that signals every process
	 * of the service means the same. The box inherits these; a program in a container starts with the defaults. */
	setsid();
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGCHLD, SIG_DFL);
	umask(022);
	if (chdir("/")) _exit(1);

	/* Everything else of the service's (databases, listeners) goes. Clear of the numbers that are about to be written to first. */
	keep[0] = fcntl(s->sock, F_DUPFD_CLOEXEC, 10);
	keep[1] = fcntl(s->box, F_DUPFD_CLOEXEC, 10);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (keep[0] < 0 || keep[1] < 0 || null < 0 || dup2(keep[0], 4) < 0 || dup2(keep[1], 5) < 0) _exit(1);
	/* A service that was started without these may have anything there, even its end of our socket. */
	if (dup2(null, 0) < 0 || dup2(null, 1) < 0) _exit(1);
	s->sock = 4;
	s->box = 5;
	if (fcntl(4, F_SETFD, FD_CLOEXEC) || fcntl(5, F_SETFD, FD_CLOEXEC)) _exit(1);
	close(3);
	closefrom(
	        6); /* and not close_range(2): on a kernel without that, our end of the service's socket would keep us waiting for ourselves */

	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	if (sigprocmask(SIG_SETMASK, &chld, NULL) || (s->events = signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK)) < 0) _exit(1);

	while (s->sock >= 0 || s->stub) {
		struct pollfd p[2] = {{.fd = s->sock, .events = POLLIN}, {.fd = s->events, .events = POLLIN}};
		struct signalfd_siginfo info;
		int64_t left = s->kill_at ? (s->kill_at - sp_mono_ns()) / SP_NS_PER_MS + 1 : -1;

		if (poll(p, 2, left < 0 && s->kill_at ? 0 : (int)left) < 0 && errno != EINTR) break;
		while (read(s->events, &info, sizeof info) > 0) {}
		reap(s);
		if (s->sock >= 0 && p[0].revents) take_request(s);
		if (s->kill_at && sp_mono_ns() >= s->kill_at) {
			if (s->measure < 2)
				take_measure(s);
			else if (s->sock < 0)
				break; /* it does not die, and nobody waits for it any more */
			else
				s->kill_at = 0; /* EXITED is told whenever it does die */
		}
	}
	/* Nobody is left as a zombie to a first process that may not care. Bounded for the one that cannot be killed. */
	for (int64_t deadline = sp_mono_ns() + s->stop_ns; sp_mono_ns() < deadline;) {
		struct pollfd p = {.fd = s->events, .events = POLLIN};

		kill_orphans();
		while (waitpid(-1, NULL, WNOHANG) > 0) {}
		if (waitpid(-1, NULL, WNOHANG) < 0) break;
		(void)poll(&p, 1, 5);
		struct signalfd_siginfo info;
		while (read(s->events, &info, sizeof info) > 0) {}
	}
	_exit(0);
}
