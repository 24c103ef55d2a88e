/* SPDX-License-Identifier: MIT */
/* What the tests run inside containers: one static program, one mode a question. Prints facts; the tests judge them. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void say(const char *what, long r) { printf("%s %s\n", what, r < 0 ? strerrorname_np(errno) : "ok"); }

static int args(int argc, char **argv)
{
	char cwd[4096];
	for (int i = 0; i < argc; i++) printf("arg %zu %s\n", strlen(argv[i]), argv[i]);
	for (char **e = environ; *e; e++) printf("env %zu %s\n", strlen(*e), *e);
	printf("cwd %s\n", getcwd(cwd, sizeof cwd) ? cwd : "?");
	return 0;
}

/* Touches so many MiB of private memory. */
static int eat(size_t mib)
{
	for (size_t i = 0; i < mib; i++) {
		char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p == MAP_FAILED) return puts("mmap failed"), 1;
		memset(p, 1, 1 << 20);
	}
	puts("eaten");
	return 0;
}

/* Writes until it is refused, or so many MiB. */
static int fill(const char *path, size_t mib)
{
	static char block[65536];
	size_t n = 0;
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (fd < 0) return say("open", fd), 1;
	memset(block, 1, sizeof block);
	while (n < mib << 20) {
		ssize_t w = write(fd, block, sizeof block);
		if (w < 0) return say("write", w), 1;
		n += (size_t)w;
	}
	printf("wrote %zu\n", n);
	return 0;
}

static int files(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		char name[32];
		snprintf(name, sizeof name, "/tmp/f%u", i);
		int fd = open(name, O_WRONLY | O_CREAT, 0600);
		if (fd < 0) return say("create", fd), 1;
		close(fd);
	}
	puts("created");
	return 0;
}

/* Forks without end; every child does the same until the processes are used up, then all wait to be killed. */
static int fork_bomb(void)
{
	volatile int *refused = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (refused == MAP_FAILED) return 1;
	for (int i = 0; i < 4; i++)
		if (fork() == 0)
			for (;;)
				if (fork() < 0) {
					*refused = errno;
					pause();
				}
	while (!*refused) usleep(1000);
	printf("refused %s\n", strerrorname_np(*refused));
	return 0;
}

static void burn(void)
{
	for (volatile unsigned long i = 0;; i++)
		;
}

/* Each child in a session of its own: where the scheduler groups by session, each has a share of its own. */
static void burn_in_sessions(int n)
{
	for (int i = 0; i < n; i++)
		if (fork() == 0) {
			setsid();
			burn();
		}
	for (;;) pause();
}

/* A grandchild in a session of its own keeps stdout open and ignores what can be ignored. */
static int leave_daemon(void)
{
	int ready[2];
	char c;
	if (pipe(ready) < 0) return 1;
	if (fork() == 0) {
		setsid();
		if (fork() == 0) {
			for (int s = 1; s < NSIG; s++) signal(s, SIG_IGN);
			if (write(ready[1], "x", 1) != 1) _exit(1);
			for (;;) pause();
		}
		_exit(0);
	}
	if (read(ready[0], &c, 1) != 1) return 1;
	puts("left");
	return 0;
}

static int list_fds(void)
{
	for (int fd = 0; fd < 4096; fd++) {
		struct stat st;
		if (fstat(fd, &st) == 0) printf("fd %d %o\n", fd, (unsigned)(st.st_mode & S_IFMT));
	}
	return 0;
}

static void try_socket(const char *name, int family, int type, int proto)
{
	int fd = socket(family, type, proto);
	say(name, fd);
	if (fd >= 0) close(fd);
}

static int net(void)
{
	struct if_nameindex *all = if_nameindex();
	for (struct if_nameindex *i = all; i && i->if_index; i++) printf("interface %s\n", i->if_name);
	FILE *f = fopen("/proc/net/route", "r");
	char line[256];
	int routes = -1; /* the first line is a heading */
	while (f && fgets(line, sizeof line, f)) routes++;
	printf("routes %d\n", routes);
	struct sockaddr_in a = {
	        .sin_family = AF_INET, .sin_port = htons(53), .sin_addr.s_addr = htonl(0xc0000201)}; /* 192.0.2.1, for documentation */
	int s = socket(AF_INET, SOCK_DGRAM, 0);
	say("connect", connect(s, (struct sockaddr *)&a, sizeof a));
	try_socket("packet", AF_PACKET, SOCK_RAW, 0);
	try_socket("raw", AF_INET, SOCK_RAW, IPPROTO_ICMP);
	try_socket("alg", AF_ALG, SOCK_SEQPACKET, 0);
	try_socket("vsock", AF_VSOCK, SOCK_STREAM, 0);
	try_socket("unix", AF_UNIX, SOCK_STREAM, 0);
	return 0;
}

/* One TCP connection through the loopback interface; the port is the argument. */
static int loopback(int port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int l = socket(AF_INET, SOCK_STREAM, 0), c = socket(AF_INET, SOCK_STREAM, 0);
	say("bind", bind(l, (struct sockaddr *)&a, sizeof a));
	say("listen", listen(l, 4));
	say("connect", connect(c, (struct sockaddr *)&a, sizeof a));
	int s = accept(l, NULL, NULL);
	say("accept", s);
	close(s); /* the server's side first: that is what leaves TIME_WAIT */
	close(c);
	return 0;
}

/* Connections that nobody reads from; prints how many bytes the kernel took for them. */
static int fill_tcp(int connections)
{
	static char block[60000];
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof a;
	long long taken = 0;
	int l = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(l, (struct sockaddr *)&a, len) < 0 || getsockname(l, (struct sockaddr *)&a, &len) < 0 || listen(l, 1000) < 0)
		return say("listen", -1), 1;
	for (int i = 0; i < connections; i++) {
		int s = socket(AF_INET, SOCK_STREAM, 0);
		if (s < 0 || connect(s, (struct sockaddr *)&a, len) < 0 || accept(l, NULL, NULL) < 0) break;
		fcntl(s, F_SETFL, O_NONBLOCK);
		for (ssize_t w; (w = write(s, block, sizeof block)) > 0;) taken += w;
	}
	printf("taken %lld\n", taken);
	return 0;
}

/* As many inotify instances as there are, and keeps them. */
static void take_inotify(void)
{
	int n = 0;
	while (inotify_init1(IN_CLOEXEC) >= 0) n++;
	printf("instances %d\n", n);
	for (;;) pause();
}

/* Datagrams that nobody receives, in so many sockets; prints how many bytes the kernel keeps for them. */
static int fill_udp(int sockets)
{
	static char block[60000];
	char line[512];
	unsigned long long waiting = 0, rx;
	int tx = socket(AF_INET, SOCK_DGRAM, 0);
	for (int i = 0; i < sockets; i++) {
		struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
		socklen_t len = sizeof a;
		int s = socket(AF_INET, SOCK_DGRAM, 0);
		if (s < 0 || bind(s, (struct sockaddr *)&a, len) < 0 || getsockname(s, (struct sockaddr *)&a, &len) < 0)
			return say("bind", -1), 1;
		for (int k = 0; k < 4; k++) (void)!sendto(tx, block, sizeof block, MSG_DONTWAIT, (struct sockaddr *)&a, len);
	}
	FILE *f = fopen("/proc/net/udp", "r");
	while (f && fgets(line, sizeof line, f))
		if (sscanf(line, " %*u: %*s %*s %*x %*x:%llx", &rx) == 1) waiting += rx;
	printf("waiting %llu\n", waiting);
	return 0;
}

/* No packet goes out, but the kernel counts that none did. */
static int no_route(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(53), .sin_addr.s_addr = htonl(0xc0000201)};
	int s = socket(AF_INET, SOCK_DGRAM, 0);
	for (int i = 0; i < 42; i++) (void)!sendto(s, "x", 1, 0, (struct sockaddr *)&a, sizeof a);
	say("sendto", sendto(s, "x", 1, 0, (struct sockaddr *)&a, sizeof a));
	return 0;
}

static int forbidden(void)
{
	struct clone_args ca = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
	int fd;

	say("unshare-user", unshare(CLONE_NEWUSER));
	say("unshare-mnt", unshare(CLONE_NEWNS));
	say("clone-user", syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0));
	say("clone3", syscall(SYS_clone3, &ca, sizeof ca));
	say("mount", mount("x", "/tmp", "tmpfs", 0, NULL));
	say("umount", umount("/proc"));
	say("pivot_root", syscall(SYS_pivot_root, ".", "."));
	say("chroot", chroot("/box"));
	say("ptrace", syscall(SYS_ptrace, 0, 0, 0, 0));
	say("keyctl", syscall(SYS_keyctl, 0, 0, 0, 0, 0));
	say("bpf", syscall(SYS_bpf, 0, NULL, 0));
	say("perf", syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0));
	say("userfaultfd", syscall(SYS_userfaultfd, 0));
	say("io_uring", syscall(SYS_io_uring_setup, 1, NULL));
	say("setns", syscall(SYS_setns, 0, 0));
	say("reboot", syscall(SYS_reboot, 0, 0, 0, NULL));
	say("sethostname", sethostname("x", 1));
	say("setuid-0", setuid(0));
	say("setuid-1", setuid(1));
	say("core-limit", setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}));
	say("oom", fd = open("/proc/self/oom_score_adj", O_WRONLY));
	say("kill-init", kill(1, SIGKILL));
	say("mknod", mknod("/tmp/n", S_IFBLK | 0600, 0x800));
	return 0;
}

/* Leaves something in every place that another run might look at. */
static int leave(void)
{
	int id = shmget(0x5e7a, 4096, IPC_CREAT | 0666);
	say("shm", id);
	say("box", open("/box/left", O_CREAT | O_WRONLY, 0666));
	say("tmp", open("/tmp/left", O_CREAT | O_WRONLY, 0666));
	say("dev-shm", open("/dev/shm/left", O_CREAT | O_WRONLY, 0666));
	return 0;
}

/* Names of every single byte, and some that are hard to show. */
static int names(void)
{
	char name[256];
	for (int c = 1; c < 256; c++) {
		snprintf(name, sizeof name, "%c", c);
		if (c != '/' && c != '.') close(creat(name, 0644));
	}
	memset(name, 'L', 255);
	name[255] = 0;
	close(creat(name, 0644));
	close(creat("\xc3\xa9", 0644));
	if (mkdir("n\xff\xfe", 0755) < 0) return 1;
	return close(creat("n\xff\xfe/\n\r\t\x1b[31m", 0644)) < 0;
}

/* A directory in a directory, so many times, each with a file; its names may be of some length. */
static int deep(int levels, int len)
{
	char name[256] = "level-00";
	if (len) memset(name, 'L', (size_t)len);
	for (int i = 0; i < levels; i++)
		if (mkdir(name, 0755) < 0 || chdir(name) < 0 || close(creat("f", 0644)) < 0) return say("deep", -1), 1;
	return 0;
}

/* So many files in one directory; every thousandth holds its number. */
static int crowd(int n)
{
	char name[32];
	if (mkdir("crowd", 0755) < 0 || chdir("crowd") < 0) return 1;
	for (int i = 0; i < n; i++) {
		int len = snprintf(name, sizeof name, "%05d", i), fd = creat(name, 0644);
		if (fd < 0 || (i % 1000 == 999 && write(fd, name, (size_t)len) != len)) return say("crowd", -1), 1;
		close(fd);
	}
	return 0;
}

/* So many files with the longest names, all of one letter and a number. */
static int long_names(int n)
{
	char name[256];
	memset(name, 'a', 255);
	name[255] = 0;
	for (int i = 0; i < n; i++) {
		for (int k = 0, v = i; k < 5; k++, v /= 10) name[254 - k] = (char)('0' + v % 10);
		if (close(creat(name, 0644)) < 0) return say("create", -1), 1;
	}
	return 0;
}

/* A child that nothing but SIGKILL ends holds files in every way that makes others wait, and a pipe lies where a file could. */
static int hold_files(void)
{
	static const char *const names_[] = {"leased", "locked", "record", "mapped", "written"};
	int fd[5], ready[2];
	char c;
	for (int i = 0; i < 5; i++) {
		fd[i] = open(names_[i], O_RDWR | O_CREAT, 0644);
		if (fd[i] < 0 || write(fd[i], "held", 4) != 4) return say("hold", -1), 1;
	}
	if (mkfifo("fifo", 0644) < 0 || pipe(ready) < 0) return 1;
	if (fork() == 0) {
		struct flock whole = {.l_type = F_WRLCK};
		setsid();
		for (int s = 1; s < NSIG; s++) signal(s, SIG_IGN);
		say("lease", fcntl(fd[0], F_SETLEASE, F_WRLCK));
		say("flock", flock(fd[1], LOCK_EX));
		say("record", fcntl(fd[2], F_SETLKW, &whole));
		say("map", mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd[3], 0) == MAP_FAILED ? -1 : 0);
		int reader = open("fifo", O_RDWR);
		if (write(ready[1], "x", 1) != 1 || reader < 0) _exit(1);
		for (;;) pause();
	}
	return read(ready[0], &c, 1) != 1;
}

static int make_socket(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int s = socket(AF_UNIX, SOCK_STREAM, 0);
	snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
	return bind(s, (struct sockaddr *)&a, sizeof a) < 0;
}

static int look(void)
{
	say("shm", shmget(0x5e7a, 4096, 0));
	say("box", access("/box/left", F_OK));
	say("tmp", access("/tmp/left", F_OK));
	say("dev-shm", access("/dev/shm/left", F_OK));
	return 0;
}

/* Dispositions and mask as they were at the exec. */
static int signals(void)
{
	sigset_t mask;
	sigprocmask(SIG_BLOCK, NULL, &mask);
	for (int s = 1; s < 65; s++) {
		struct sigaction a;
		if (sigaction(s, NULL, &a) == 0 && a.sa_handler != SIG_DFL) printf("disposition %d\n", s);
		if (sigismember(&mask, s) == 1) printf("blocked %d\n", s);
	}
	printf("umask %o\n", umask(0));
	puts("end");
	return 0;
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (strcmp(mode, "args") == 0) return args(argc, argv);
	if (strcmp(mode, "eat") == 0) return eat((size_t)atoi(argv[2]));
	if (strcmp(mode, "fill") == 0) return fill(argv[2], (size_t)atoi(argv[3]));
	if (strcmp(mode, "files") == 0) return files((unsigned)atoi(argv[2]));
	if (strcmp(mode, "fork-bomb") == 0) return fork_bomb();
	if (strcmp(mode, "daemon") == 0) return leave_daemon();
	if (strcmp(mode, "fds") == 0) return list_fds();
	if (strcmp(mode, "net") == 0) return net();
	if (strcmp(mode, "loopback") == 0) return loopback(atoi(argv[2]));
	if (strcmp(mode, "fill-tcp") == 0) return fill_tcp(atoi(argv[2]));
	if (strcmp(mode, "inotify") == 0) take_inotify();
	if (strcmp(mode, "no-route") == 0) return no_route();
	if (strcmp(mode, "fill-udp") == 0) return fill_udp(atoi(argv[2]));
	if (strcmp(mode, "forbidden") == 0) return forbidden();
	if (strcmp(mode, "leave") == 0) return leave();
	if (strcmp(mode, "look") == 0) return look();
	if (strcmp(mode, "signals") == 0) return signals();
	if (strcmp(mode, "names") == 0) return names();
	if (strcmp(mode, "deep") == 0) return deep(atoi(argv[2]), argc > 3 ? atoi(argv[3]) : 0);
	if (strcmp(mode, "crowd") == 0) return crowd(atoi(argv[2]));
	if (strcmp(mode, "long-names") == 0) return long_names(atoi(argv[2]));
	if (strcmp(mode, "hold-files") == 0) return hold_files();
	if (strcmp(mode, "socket") == 0) return make_socket(argv[2]);
	if (strcmp(mode, "sleep") == 0) {
		puts("sleeping");
		for (;;) pause();
	}
	if (strcmp(mode, "burn-in-sessions") == 0) burn_in_sessions(atoi(argv[2]));
	if (strcmp(mode, "burn") == 0 || strcmp(mode, "burn-everywhere") == 0) {
		cpu_set_t all;
		memset(&all, 0xff, sizeof all);
		if (strcmp(mode, "burn") != 0) say("affinity", sched_setaffinity(0, sizeof all, &all));
		for (int i = 1; i < atoi(argv[2]); i++)
			if (fork() == 0) burn();
		burn();
	}
	return 99;
}
