/* SPDX-License-Identifier: MIT */
/*
 * wins: nothing. It is the neighbour: it does, for two seconds, what an ordinary program may want, and says so if the machine lets it down
 * rule: 11
 * expect: ok
 * says: ^unharmed
 * control: none: it is the victim
 */
#include "attack.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/msg.h>
#include <sys/shm.h>
#include <sys/timerfd.h>

static void *nothing(void *arg) { return arg; }

static void need(bool ok, const char *what)
{
	if (!ok) say("WON denied-%s %s", what, strerrorname_np(errno));
}

int main(void)
{
	int rounds = 0, fds[64];
	from_now();
	for (int64_t stop = now_ms() + 2000; now_ms() < stop; rounds++) {
		unsigned n = 0;
		for (int i = 0; i < 5; i++) need((fds[n++] = inotify_init1(IN_CLOEXEC)) >= 0, "inotify");
		for (int i = 0; i < 5; i++) need(inotify_add_watch(fds[i], i % 2 ? "/tmp" : "/box", IN_CREATE) >= 0, "watch");
		for (int i = 0; i < 5; i++) need((fds[n++] = epoll_create1(0)) >= 0, "epoll");
		for (int i = 0; i < 5; i++) need((fds[n++] = timerfd_create(CLOCK_MONOTONIC, 0)) >= 0, "timerfd");
		timer_t t[20];
		for (int i = 0; i < 20; i++) need(timer_create(CLOCK_MONOTONIC, NULL, &t[i]) == 0, "timer");
		for (int i = 0; i < 20; i++) timer_delete(t[i]);
		pid_t p[5];
		for (int i = 0; i < 5; i++) {
			need((p[i] = fork()) >= 0, "fork");
			if (p[i] == 0) _exit(0);
		}
		for (int i = 0; i < 5; i++) waitpid(p[i], NULL, 0);
		pthread_t th;
		need((errno = pthread_create(&th, NULL, nothing, NULL)) == 0, "thread");
		pthread_join(th, NULL);
		sigset_t s;
		sigemptyset(&s);
		sigaddset(&s, SIGRTMIN);
		sigprocmask(SIG_BLOCK, &s, NULL);
		for (int i = 0; i < 20; i++) need(sigqueue(getpid(), SIGRTMIN, (union sigval){0}) == 0, "signal");
		for (int i = 0; i < 20; i++) sigwaitinfo(&s, NULL);
		int q = msgget(IPC_PRIVATE, 0600), m = shmget(IPC_PRIVATE, 65536, 0600);
		need(q >= 0 && m >= 0, "ipc");
		msgctl(q, IPC_RMID, NULL);
		shmctl(m, IPC_RMID, NULL);
		int pipes[2];
		need(pipe(pipes) == 0 && fcntl(pipes[0], F_SETPIPE_SZ, 1 << 20) >= 0, "pipe");
		fds[n++] = pipes[0], fds[n++] = pipes[1];
		char *mem = malloc(8 << 20);
		need(mem, "memory");
		if (mem) memset(mem, 1, 8 << 20);
		free(mem);
		struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)(20000 + rounds % 1000))};
		int one = 1, l = socket(AF_INET, SOCK_STREAM, 0);
		setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
		need(bind(l, (struct sockaddr *)&a, sizeof a) == 0 && listen(l, 5) == 0, "port");
		fds[n++] = l;
		int f = open("/tmp/victim", O_RDWR | O_CREAT, 0600);
		struct flock k = {.l_type = F_WRLCK, .l_len = 1};
		need(f >= 0 && write(f, "x", 1) == 1 && fcntl(f, F_SETLK, &k) == 0, "file");
		fds[n++] = f;
		while (n) close(fds[--n]);
	}
	until_now();
	say("unharmed, %d rounds", rounds);
	return end();
}
