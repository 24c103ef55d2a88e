/* SPDX-License-Identifier: MIT */
/*
 * The filter that serapis-box embeds, installed in this kernel: test_seccomp_kernel RULES. Needs no privilege. Each probe is a process of its
 * own, unprivileged even when the test is started by root, so that a hole in the filter is a failed test and not an accident.
 */
#include <arpa/inet.h>
#include <asm/unistd.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <mqueue.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "seccomp_model.h"
#include "seccomp_run.h"

_Static_assert(SP_SECCOMP_RUN_COUNT == sizeof sp_seccomp_run / sizeof sp_seccomp_run[0] && SP_SECCOMP_RUN_COUNT <= 4096,
        "one filter of BPF_MAXINSNS");

enum { MARK = 2000, UNPRIVILEGED = 65534 };

static const char *rules_path;
static struct sp_rules rules;
static struct sock_filter marked[SP_SECCOMP_RUN_COUNT]; /* the filter with MARK added to each errno: no kernel gives these itself */
static struct result {
	long ret;
	int errnum;
} * shared;

static void drop(void)
{
	if (geteuid() != 0) return;
	/* A user namespace that maps nothing else may have no such id; without it the probe is not worth doing. */
	if (setgroups(0, NULL) || setresgid(UNPRIVILEGED, UNPRIVILEGED, UNPRIVILEGED) ||
	        setresuid(UNPRIVILEGED, UNPRIVILEGED, UNPRIVILEGED))
		_exit(91);
}

static void install(const struct sock_filter *filter)
{
	struct sock_fprog prog = {SP_SECCOMP_RUN_COUNT, (struct sock_filter *)(uintptr_t)filter};
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || syscall(SYS_seccomp, 1 /* SECCOMP_SET_MODE_FILTER */, 0, &prog)) _exit(92);
}

/* The wait status of one call made under a filter (NULL: none); what it returned is in *shared then. */
static int probe(const struct sock_filter *filter, int nr, const uint64_t args[6])
{
	*shared = (struct result){.ret = -2};
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		drop();
		alarm(10);
		if (filter) install(filter);
		errno = 0;
		long ret = syscall(nr, args[0], args[1], args[2], args[3], args[4], args[5]);
		*shared = (struct result){.ret = ret, .errnum = ret == -1 ? errno : 0};
		_exit(0);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void expect_errno(const struct sock_filter *filter, const struct sp_rule *rule, int nr, const uint64_t args[6], int errnum)
{
	int status = probe(filter, nr, args);
	if (status || shared->ret != -1 || shared->errnum != errnum)
		fail_msg("line %u, call %d: wait status %#x, returned %ld with errno %d instead of %d", rule->line, nr, (unsigned)status,
		        shared->ret, shared->errnum, errnum);
}

static void every_refusal_is_the_filter_s(void **state)
{
	unsigned tried = 0;
	for (unsigned i = 0; i < rules.count; i++) {
		const struct sp_rule *rule = &rules.rule[i];
		uint64_t args[6];
		if (rule->action == SP_RULE_ALLOW) continue;
		assert_int_equal(rule->action, SP_RULE_ERRNO); /* a rule that kills wants a test of its own here */
		if (!model_witness(&rules, rule, args)) fail_msg("line %u never decides", rule->line);
		expect_errno(sp_seccomp_run, rule, rule->nr, args, rule->errnum);
		expect_errno(marked, rule, rule->nr, args, rule->errnum + MARK);
		tried++;
	}
	assert_true(tried > 120);
}

static void unknown_calls_do_not_exist(void **state)
{
	const uint64_t args[6] = {0};
	for (int nr = 471; nr <= 1100; nr += 37) {
		expect_errno(sp_seccomp_run, &rules.fallback, nr, args, ENOSYS);
		expect_errno(marked, &rules.fallback, nr, args, ENOSYS + MARK);
	}
}

#define A(...) \
	{ \
		__VA_ARGS__ \
	}
#define P(p) (uint64_t)(uintptr_t)(p)
static const struct rlimit core = {1, 1};
/* A pointer that is NULL to whoever compares half of it; prepare() puts a copy of `core` there. */
#define LOW_HALF_ZERO 0x200000000000u

/* Calls that the kernel would answer otherwise: with success, or with an error that shows that it looked at the arguments. */
static const struct {
	int nr;
	uint64_t args[6];
	int errnum;
} differs[] = {
        {__NR_preadv2, A(UINT64_MAX, 0, 0, 0, 0, RWF_NOWAIT), EOPNOTSUPP},
        {__NR_syncfs, A(UINT64_MAX), EPERM},
        {__NR_mknod, A(P("/nowhere/x"), S_IFCHR | 0600), EPERM},
        {__NR_mknodat, A(UINT64_MAX, P("/nowhere/x"), S_IFBLK | 0600), EPERM},
        {__NR_fsetxattr, A(UINT64_MAX, P("user.x"), P("y"), 1), EOPNOTSUPP},
        {__NR_vmsplice, A(UINT64_MAX), ENOSYS},
        {__NR_name_to_handle_at, A(UINT64_MAX), EPERM},
        {__NR_ioctl, A(UINT64_MAX, TIOCSTI), EPERM},
        {__NR_ioctl, A(UINT64_MAX, 0x100000000u | TIOCSTI), EPERM},
        {__NR_ioctl, A(UINT64_MAX, 0xffffffff00000000u | TIOCLINUX), EPERM},
        {__NR_ioctl, A(UINT64_MAX, TIOCSETD), EPERM},
        {__NR_mmap, A(0, 4096, PROT_READ, MAP_PRIVATE | MAP_HUGETLB, UINT64_MAX), ENOMEM},
        {__NR_memfd_create, A(0, MFD_HUGETLB), EINVAL},
        {__NR_remap_file_pages, A(0), ENOSYS},
        {__NR_process_madvise, A(UINT64_MAX, 0, 0, 0, 1), EPERM},
        {__NR_clone, A(CLONE_NEWNS | CLONE_FS), EPERM},
        {__NR_clone, A(CLONE_NEWUSER | CLONE_FS), EPERM},
        {__NR_clone, A(CLONE_PARENT | CLONE_THREAD), EPERM},
        {__NR_clone3, A(0), ENOSYS},
        {__NR_unshare, A(0), EPERM},
        {__NR_setns, A(UINT64_MAX), EPERM},
        {__NR_ptrace, A(PTRACE_DETACH, 0x7fffffff), EPERM},
        {__NR_process_vm_readv, A(0x7fffffff), EPERM},
        {__NR_process_vm_writev, A(0x7fffffff), EPERM},
        {__NR_kcmp, A(0x7fffffff, 0x7fffffff), EPERM},
        {__NR_pidfd_getfd, A(UINT64_MAX), EPERM},
        {__NR_personality, A(ADDR_NO_RANDOMIZE), EPERM},
        {__NR_prctl, A(PR_SET_SECCOMP, 77), EPERM},
        {__NR_prctl, A(0x700000000u | PR_SET_SECCOMP, 77), EPERM},
        {__NR_prlimit64, A(0, RLIMIT_CORE, P(&core)), EPERM},
        {__NR_prlimit64, A(0, 0x100000000u | RLIMIT_CORE, P(&core)), EPERM},
        {__NR_prlimit64, A(0, RLIMIT_CORE, LOW_HALF_ZERO), EPERM},
        {__NR_setrlimit, A(RLIMIT_CORE, P(&core)), EPERM},
        {__NR_setrlimit, A(0x100000000u | RLIMIT_CORE, P(&core)), EPERM},
        {__NR_ioprio_set, A(99), EPERM},
        {__NR_sched_setattr, A(UINT64_MAX), EPERM},
        {__NR_adjtimex, A(0), EPERM},
        {__NR_io_uring_setup, A(0), ENOSYS},
        {__NR_io_setup, A(1), ENOSYS},
        {__NR_socket, A(AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT), EPROTONOSUPPORT},
        {__NR_socket, A(AF_UNIX, SOCK_RAW), EPROTONOSUPPORT},
        {__NR_socket, A(AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE), EPROTONOSUPPORT},
        {__NR_socket, A(AF_PACKET, SOCK_RAW), EAFNOSUPPORT},
        {__NR_socketpair, A(AF_INET, SOCK_STREAM), EAFNOSUPPORT},
        {__NR_setsockopt, A(UINT64_MAX, SOL_SOCKET, SO_ATTACH_FILTER), EPERM},
        {__NR_setsockopt, A(UINT64_MAX, IPPROTO_TCP, 31 /* TCP_ULP */), ENOPROTOOPT},
        {__NR_setsockopt, A(UINT64_MAX, IPPROTO_TCP, TCP_CONGESTION), ENOPROTOOPT},
        {__NR_setsockopt, A(UINT64_MAX, IPPROTO_UDP, 100 /* UDP_ENCAP */), ENOPROTOOPT},
        {__NR_setsockopt, A(UINT64_MAX, IPPROTO_IPV6, 32 /* IPV6_FLOWLABEL_MGR */), ENOPROTOOPT},
        {__NR_setsockopt, A(UINT64_MAX, 0x100000000u | IPPROTO_IPV6, 0x100000000u | 32), ENOPROTOOPT},
        {__NR_setsockopt, A(UINT64_MAX, SOL_SOCKET, SO_RCVBUFFORCE), ENOPROTOOPT},
        {__NR_setsockopt, A(UINT64_MAX, SOL_SOCKET, SO_ZEROCOPY), ENOPROTOOPT},
        {__NR_setsockopt, A(UINT64_MAX, IPPROTO_IPV6, IPV6_JOIN_GROUP), ENODEV},
        {__NR_setsockopt, A(UINT64_MAX, IPPROTO_IPV6, IPV6_JOIN_ANYCAST), ENODEV},
        {__NR_setsockopt, A(UINT64_MAX, IPPROTO_IPV6, MCAST_JOIN_GROUP), ENODEV},
        {__NR_setsockopt, A(UINT64_MAX, IPPROTO_IP, IP_ADD_MEMBERSHIP), ENODEV},
        {__NR_sendto, A(UINT64_MAX, 0, 0, MSG_OOB), EOPNOTSUPP},
        {__NR_sendmsg, A(UINT64_MAX, 0, MSG_OOB), EOPNOTSUPP},
        {__NR_sendmmsg, A(UINT64_MAX, 0, 0, MSG_OOB), EOPNOTSUPP},
        {__NR_seccomp, A(99), EPERM},
        {__NR_perf_event_open, A(0), EPERM},
        {__NR_add_key, A(0), EPERM},
        {__NR_request_key, A(0), EPERM},
        {__NR_keyctl, A(9999), EPERM},
        {__NR_umount2, A(P("/nowhere"), 0x40000000), EPERM},
        {__NR_chroot, A(P("/nowhere")), EPERM},
        {__NR_mount_setattr, A(UINT64_MAX, P(""), 0x40000000), EPERM},
};

static void refusals_change_what_happens(void **state)
{
	for (size_t i = 0; i < sizeof differs / sizeof differs[0]; i++) {
		int status = probe(NULL, differs[i].nr, differs[i].args);
		if (status || shared->errnum == differs[i].errnum)
			fail_msg("entry %zu, call %d: without the filter wait status %#x and errno %d", i, differs[i].nr, (unsigned)status,
			        shared->errnum);
		status = probe(sp_seccomp_run, differs[i].nr, differs[i].args);
		if (status || shared->ret != -1 || shared->errnum != differs[i].errnum)
			fail_msg("entry %zu, call %d: with the filter wait status %#x, %ld and errno %d", i, differs[i].nr,
			        (unsigned)status, shared->ret, shared->errnum);
	}
}

/* ---- the ways in that end the process */

static int run_child(void (*body)(const void *), const void *arg)
{
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		alarm(60);
		body(arg);
		_exit(0);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static long int80(long nr)
{
	long ret;
	__asm__ volatile("int $0x80" : "=a"(ret) : "0"(nr) : "memory", "r8", "r9", "r10", "r11");
	return ret;
}

static void call_x32(const void *arg)
{
	install(sp_seccomp_run);
	syscall(0x40000000 | *(const int *)arg);
}

static void call_int80(const void *arg)
{
	install(sp_seccomp_run);
	int80(*(const int *)arg);
}

static void *thread_int80(void *arg)
{
	int80(20);
	return arg;
}

static void call_int80_in_a_thread(const void *arg)
{
	install(sp_seccomp_run);
	pthread_t thread;
	if (pthread_create(&thread, NULL, thread_int80, NULL)) _exit(93);
	pthread_join(thread, NULL);
}

static void other_ways_into_the_kernel_kill(void **state)
{
	const int calls[] = {0, 20, 39, 59, 200, 399, 520, 0x3ffffff};
	for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
		int status = run_child(call_x32, &calls[i]);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGSYS);
		status = run_child(call_int80, &calls[i]);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGSYS);
	}
	int status = run_child(call_int80_in_a_thread, NULL); /* all of the process, not the thread */
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSYS);
}

/* ---- what programs need */

#define MUST(cond) \
	do { \
		if (!(cond)) { \
			fprintf(stderr, "line %d: %s: %s\n", __LINE__, #cond, strerror(errno)); \
			_exit(1); \
		} \
	} while (0)

static void *count_up(void *arg)
{
	__atomic_add_fetch((int *)arg, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static void processes_and_threads(const void *arg)
{
	install(sp_seccomp_run);
	int status, count = 0;
	pid_t pid = fork();
	MUST(pid >= 0);
	if (!pid) _exit(7);
	MUST(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 7);
	MUST((pid = vfork()) >= 0);
	if (!pid) {
		execl("/bin/true", "true", (char *)NULL);
		_exit(1);
	}
	MUST(waitpid(pid, &status, 0) == pid && status == 0);
	MUST(posix_spawn(&pid, "/bin/true", NULL, NULL, (char *[]){(char *)(uintptr_t) "true", NULL}, NULL) == 0);
	MUST(waitpid(pid, &status, 0) == pid && status == 0);
	pthread_t threads[8];
	for (int i = 0; i < 8; i++) MUST(pthread_create(&threads[i], NULL, count_up, &count) == 0);
	for (int i = 0; i < 8; i++) MUST(pthread_join(threads[i], NULL) == 0);
	MUST(count == 8);
	cpu_set_t cpus;
	MUST(sched_getaffinity(0, sizeof cpus, &cpus) == 0 && sched_setaffinity(0, sizeof cpus, &cpus) == 0);
	MUST(personality(0xffffffff) >= 0);
	struct rlimit limit;
	MUST(getrlimit(RLIMIT_CORE, &limit) == 0 && getrlimit(RLIMIT_NOFILE, &limit) == 0 && setrlimit(RLIMIT_NOFILE, &limit) == 0);
	MUST(prctl(PR_SET_NAME, "box") == 0 && prctl(PR_GET_SECCOMP) == 2);
}

static void events_and_memory(const void *arg)
{
	install(sp_seccomp_run);
	uint64_t n = 0;
	int ep = epoll_create1(EPOLL_CLOEXEC), ev = eventfd(3, EFD_CLOEXEC), tm = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	MUST(ep >= 0 && ev >= 0 && tm >= 0);
	struct epoll_event event = {.events = EPOLLIN, .data.fd = ev};
	MUST(epoll_ctl(ep, EPOLL_CTL_ADD, ev, &event) == 0 && epoll_wait(ep, &event, 1, 0) == 1 && event.data.fd == ev);
	MUST(read(ev, &n, sizeof n) == sizeof n && n == 3);
	MUST(timerfd_settime(tm, 0, &(struct itimerspec){.it_value.tv_nsec = 1}, NULL) == 0 && read(tm, &n, sizeof n) == sizeof n && n > 0);
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	MUST(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	int sig = signalfd(-1, &set, SFD_CLOEXEC);
	struct signalfd_siginfo info;
	MUST(sig >= 0 && kill(getpid(), SIGUSR1) == 0 && read(sig, &info, sizeof info) == sizeof info);
	timer_t timer;
	MUST(timer_create(CLOCK_MONOTONIC, &(struct sigevent){.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1}, &timer) == 0);
	MUST(timer_settime(timer, 0, &(struct itimerspec){.it_value.tv_nsec = 1}, NULL) == 0 &&
	        read(sig, &info, sizeof info) == sizeof info);
	MUST(clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){.tv_nsec = 1}, NULL) == 0);

	int in = inotify_init1(IN_CLOEXEC), mem = memfd_create("m", MFD_CLOEXEC);
	MUST(in >= 0 && inotify_add_watch(in, "/tmp", IN_CREATE) >= 0 && mem >= 0 && ftruncate(mem, 4096) == 0);
	void *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, mem, 0);
	MUST(map != MAP_FAILED && madvise(map, 4096, MADV_DONTNEED) == 0 && mprotect(map, 4096, PROT_READ) == 0);
	int shm = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);
	void *at = shmat(shm, NULL, 0);
	MUST(shm >= 0 && at != (void *)-1 && shmctl(shm, IPC_RMID, NULL) == 0 && shmdt(at) == 0); /* NOLINT(performance-no-int-to-ptr) */
	char name[64], bytes[16];
	snprintf(name, sizeof name, "/serapis-seccomp-%d", (int)getpid());
	mqd_t queue = mq_open(name, O_CREAT | O_EXCL | O_RDWR, 0600, &(struct mq_attr){.mq_maxmsg = 1, .mq_msgsize = 16});
	MUST(queue >= 0 && mq_unlink(name) == 0 && mq_send(queue, "hi", 2, 0) == 0 && mq_receive(queue, bytes, 16, NULL) == 2);
	MUST(getrandom(bytes, sizeof bytes, 0) == (ssize_t)sizeof bytes);
	snprintf(name, sizeof name, "/tmp/serapis-seccomp-%d", (int)getpid());
	MUST(mkfifo(name, 0600) == 0 && unlink(name) == 0);
}

static void sockets(const void *arg)
{
	install(sp_seccomp_run);
	int pair[2];
	char byte = 'x';
	MUST(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0 && send(pair[0], &byte, 1, 0) == 1 &&
	        recv(pair[1], &byte, 1, 0) == 1);
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof addr;
	int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), client = socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);
	MUST(server >= 0 && client >= 0 && setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) == 0);
	MUST(bind(server, (struct sockaddr *)&addr, len) == 0 && listen(server, 1) == 0 &&
	        getsockname(server, (struct sockaddr *)&addr, &len) == 0);
	MUST(connect(client, (struct sockaddr *)&addr, len) == 0);
	struct pollfd wait = {.fd = server, .events = POLLIN};
	MUST(poll(&wait, 1, -1) == 1);
	int peer = accept4(server, NULL, NULL, SOCK_CLOEXEC);
	MUST(peer >= 0 && send(peer, "y", 1, MSG_NOSIGNAL) == 1 && recv(client, &byte, 1, 0) == 1 && byte == 'y');
	MUST(socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP) >= 0 && socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0) >= 0);
	const int on[][3] = {{SOL_SOCKET, SO_KEEPALIVE, 1}, {SOL_SOCKET, SO_REUSEPORT, 1}, {SOL_SOCKET, SO_SNDBUF, 65536},
	        {SOL_SOCKET, SO_RCVBUF, 65536}, {IPPROTO_TCP, TCP_NODELAY, 1}, {IPPROTO_TCP, TCP_KEEPIDLE, 60},
	        {IPPROTO_TCP, TCP_QUICKACK, 1}, {IPPROTO_TCP, TCP_USER_TIMEOUT, 1000}, {IPPROTO_IP, IP_TTL, 64},
	        {IPPROTO_IP, IP_RECVERR, 1}};
	for (size_t i = 0; i < sizeof on / sizeof on[0]; i++) MUST(setsockopt(client, on[i][0], on[i][1], &on[i][2], sizeof(int)) == 0);
	MUST(setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){.tv_sec = 1}, sizeof(struct timeval)) == 0);
	int six = socket(AF_INET6, SOCK_STREAM, 0);
	MUST(six < 0 || setsockopt(six, IPPROTO_IPV6, IPV6_V6ONLY, &(int){0}, sizeof(int)) == 0);
	struct ifaddrs *all;
	MUST(getifaddrs(&all) == 0 && all);
	freeifaddrs(all);
}

static void programs_get_what_they_need(void **state)
{
	assert_int_equal(run_child(processes_and_threads, NULL), 0);
	assert_int_equal(run_child(events_and_memory, NULL), 0);
	assert_int_equal(run_child(sockets, NULL), 0);
}

/* ---- real runtimes: threads, children, timers, files, sockets and a line of output */

#define HELLO "hello 42\n"
static const struct {
	const char *program;
	const char *argv[6];
} runtimes[] = {
        {"/bin/bash", {"bash", "-c", "x=$(echo 40 | cat); mkfifo f; (echo $((x + 2)) >f &) ; read y <f; echo hello $y"}},
        {"/usr/bin/perl", {"perl", "-e", "my $p = fork // die; exit 2 unless $p; waitpid $p, 0; print 'hello ', 40 + ($? >> 8), \"\\n\""}},
        {"/usr/bin/lua", {"lua", "-e", "local f = io.popen('echo 42'); print('hello ' .. f:read('l'))"}},
        {"/usr/bin/php",
                {"php", "-r", "$t = tempnam('.', 'x'); file_put_contents($t, '42'); echo 'hello ', shell_exec(\"cat $t\"), \"\\n\";"}},
        {"/usr/bin/python3",
                {"python3", "-c",
                        "import threading, subprocess, asyncio, multiprocessing.pool as p, ssl, tempfile, socket, signal, select\n"
                        "pool = p.ThreadPool(4); n = sum(pool.map(lambda x: x, range(9)))\n"
                        "a, b = socket.socketpair(); a.send(b'4'); n += int(b.recv(1))\n"
                        "async def f():\n    q = await asyncio.create_subprocess_exec('true'); await asyncio.sleep(0.001); return await "
                        "q.wait()\n"
                        "n += asyncio.run(f()); n += int(subprocess.check_output(['echo', '1']))\n"
                        "with tempfile.NamedTemporaryFile() as t: n += 1\n"
                        "print('hello', n)"}},
        {"/usr/bin/ruby",
                {"ruby", "-e",
                        "require 'socket'; require 'open3'; require 'timeout'; q = Queue.new; 4.times { |i| Thread.new { q << i } }\n"
                        "n = 4.times.sum { q.pop } + Open3.capture2('echo 30')[0].to_i; r, w = IO.pipe; pid = fork { w << 'abcdef' ; "
                        "w.close }\n"
                        "w.close; n += r.read.size; Process.wait pid; s = TCPServer.new('127.0.0.1', 0); c = TCPSocket.new('127.0.0.1', "
                        "s.addr[1]); s.accept.close\n"
                        "Timeout.timeout(9) { c.read }; Ractor rescue 0; puts \"hello #{n}\""}},
        {"/usr/bin/node", {"node", "-e",
                                  "const {Worker} = require('worker_threads'), cp = require('child_process'), fs = require('fs'), net = "
                                  "require('net'), os = require('os');\n"
                                  "const c = require('crypto'); os.networkInterfaces(); os.cpus(); fs.writeFileSync('f', '20'); const w = "
                                  "fs.watch('.'); \n"
                                  "const s = net.createServer(k => k.end('10')).listen(0, '127.0.0.1', () => { let n = 0; const k = "
                                  "net.connect(s.address().port, '127.0.0.1');\n"
                                  "k.on('data', d => n += +d); k.on('close', () => { s.close(); w.close(); new "
                                  "Worker(\"require('worker_threads').parentPort.postMessage(2)\",\n"
                                  "{eval: true}).on('message', m => { n += m; c.pbkdf2('a', 'b', 10, 16, 'sha256', () => fs.readFile('f', "
                                  "(e, d) => { n += +d;\n"
                                  "cp.exec('echo 10', (e, o) => { n += +o; console.log('hello', n); }); })); }); }); });"}},
        {"/usr/bin/gcc", {"bash", "-ec",
                                 "echo '#include <stdio.h>\nint main(void) { printf(\"hello %d\\n\", 42); return 0; }' >a.c; gcc -O2 -pipe "
                                 "-o a a.c; ./a"}},
        {"/usr/bin/g++", {"bash", "-ec",
                                 "echo '#include <iostream>\n#include <thread>\nint main() { int n = 0; std::thread t([&] { n = 42; }); "
                                 "t.join(); std::cout << \"hello \" << n << "
                                 "std::endl; }' >a.cc; g++ -o a a.cc -pthread; ./a"}},
        {"/usr/bin/go", {"bash", "-ec",
                                "echo 'package main\nimport \"fmt\"\nfunc main() { c := make(chan int); go func() { c <- 42 }(); "
                                "fmt.Println(\"hello\", <-c) }' >a.go; "
                                "HOME=$PWD GOFLAGS=-mod=mod go run a.go"}},
        {"/usr/bin/java", {"bash", "-ec",
                                  "echo 'public class A { public static void main(String[] a) throws Exception { int[] n = {0}; Thread t = "
                                  "new Thread(() -> n[0] = 42); t.start(); "
                                  "t.join(); Process p = new ProcessBuilder(\"true\").start(); System.out.println(\"hello \" + (n[0] + "
                                  "p.waitFor())); } }' >A.java; java A.java"}},
};

static int in_filter(const char *dir, const char *const argv[], const char *program, char *out, size_t size)
{
	int pipefd[2], status;
	assert_int_equal(pipe2(pipefd, O_CLOEXEC), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		static const char *const env[] = {"PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8", "HOME=/tmp", NULL};
		setsid();
		alarm(120);
		if (dup2(pipefd[1], 1) < 0 || chdir(dir)) _exit(94);
		install(sp_seccomp_run);
		execve(!strcmp(argv[0], "bash") ? "/bin/bash" : program, (char **)(uintptr_t)argv, (char **)(uintptr_t)env);
		_exit(95);
	}
	close(pipefd[1]);
	size_t have = 0;
	ssize_t n;
	while ((n = read(pipefd[0], out + have, size - 1 - have)) > 0) have += (size_t)n;
	out[have] = 0;
	close(pipefd[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void runtimes_work(void **state)
{
	unsigned ran = 0;
	for (size_t i = 0; i < sizeof runtimes / sizeof runtimes[0]; i++) {
		if (access(runtimes[i].program, X_OK)) continue; /* not every builder has every language; bash and gcc built this test */
		char dir[] = "/tmp/serapis-seccomp-XXXXXX", out[4096], command[64];
		assert_non_null(mkdtemp(dir));
		int status = in_filter(dir, runtimes[i].argv, runtimes[i].program, out, sizeof out);
		snprintf(command, sizeof command, "rm -rf %s", dir);
		assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): a fixed command on our own directory */
		if (status || strcmp(out, HELLO)) fail_msg("%s: wait status %#x, said \"%s\"", runtimes[i].program, (unsigned)status, out);
		print_message("# %s works\n", runtimes[i].program);
		ran++;
	}
	assert_true(ran >= 1);
}

static int prepare(void **state)
{
	FILE *in = fopen(rules_path, "re");
	if (!in) return -1;
	unsigned faults = sp_rules_read(in, rules_path, &rules, stderr);
	fclose(in);
	for (size_t i = 0; i < SP_SECCOMP_RUN_COUNT; i++) {
		marked[i] = sp_seccomp_run[i];
		if (marked[i].code == (BPF_RET | BPF_K) && (marked[i].k & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO)
			marked[i].k += MARK;
	}
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct rlimit *low = mmap((void *)LOW_HALF_ZERO, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
	        -1, 0); /* NOLINT(performance-no-int-to-ptr) */
	if (faults || shared == MAP_FAILED || low == MAP_FAILED) return -1;
	*low = core;
	return 0;
}

int main(int argc, char **argv)
{
	if (argc != 2) return 2;
	rules_path = argv[1];
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(every_refusal_is_the_filter_s),
	        cmocka_unit_test(unknown_calls_do_not_exist),
	        cmocka_unit_test(refusals_change_what_happens),
	        cmocka_unit_test(other_ways_into_the_kernel_kill),
	        cmocka_unit_test(programs_get_what_they_need),
	        cmocka_unit_test(runtimes_work),
	};
	return cmocka_run_group_tests_name("seccomp_kernel", tests, prepare, NULL);
}
