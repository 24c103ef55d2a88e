#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

int main(void)
{
	unsigned long v = 0;
	int e = epoll_create1(0), ev = eventfd(3, 0), t = timerfd_create(CLOCK_MONOTONIC, 0), in = inotify_init();
	struct epoll_event one = {.events = EPOLLIN, .data.fd = ev}, got = {0};
	epoll_ctl(e, EPOLL_CTL_ADD, ev, &one);
	int n = epoll_wait(e, &got, 1, 1000);
	printf("%d %d\n", n, got.data.fd == ev);
	struct itimerspec ts = {.it_value.tv_nsec = 1000000};
	timerfd_settime(t, 0, &ts, 0);
	ssize_t r = read(t, &v, 8);
	printf("%zd %lu\n", r, v);
	inotify_add_watch(in, ".", IN_CREATE);
	close(open("created", O_CREAT, 0600));
	struct pollfd p = {in, POLLIN, 0};
	printf("%d\n", poll(&p, 1, 1000));
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, 0);
	int sf = signalfd(-1, &set, 0);
	raise(SIGUSR1);
	struct signalfd_siginfo si;
	r = read(sf, &si, sizeof si);
	printf("%zd %u\n", r, si.ssi_signo);
	printf("%zd\n", getrandom(&v, 8, 0));
}
